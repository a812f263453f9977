// A registry whose writes go to the upstream itself and whose reads go through Entrepot, at one address: the conformance
// suite pushes and pulls at the same one.

import { createServer, type IncomingMessage, request as send } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface Splitter {
  address: string;
  close(): void;
}

/** Names are the same on both sides, so that only the address changes.
 * @param freshness of tags and of lists of tags, in ms: the write of a tag is answered only when what was read of it before
 * is that old. Entrepot promises the new state from then on. */
export async function startSplitter(
  reads: string,
  writes: string,
  freshness: number,
): Promise<Splitter> {
  /** Path of a tag or of a list of tags → when it was last read. */
  const readAt = new Map<string, number>();
  const server = createServer(async (request, response) => {
    const { method = "GET", url = "/" } = request;
    const [path = ""] = url.split("?");
    const isRead = isReading(method, path);
    const answer = await ask(request, isRead ? reads : writes).catch(() => undefined);
    if (!answer) return void response.destroy();
    const now = Date.now();
    if (isRead) readAt.set(path, now);
    else {
      const last = Math.max(...shownAt(path).map((it) => readAt.get(it) ?? 0));
      await sleep(Math.max(0, last + freshness - now));
    }
    response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
    answer.on("error", () => response.destroy());
    answer.pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref(); // it ends with the run
  const { port } = server.address() as AddressInfo;
  return { address: `127.0.0.1:${port}`, close: () => server.close() };
}

/** The state of an upload is asked for with GET, and belongs to the push. */
function isReading(method: string, path: string): boolean {
  return (method === "GET" || method === "HEAD") && !path.includes("/blobs/uploads/");
}

/** The paths where a write of a tag shows; none of a write by digest. */
function shownAt(path: string): string[] {
  const [, repository, tag] = /^(.*)\/manifests\/([^/:]+)$/.exec(path) ?? [];
  return tag ? [path, `${repository}/tags/list`] : [];
}

function ask(request: IncomingMessage, to: string): Promise<IncomingMessage> {
  const [hostname = "", port = ""] = to.split(":");
  const { method, url: path, headers } = request;
  return new Promise((resolve, reject) => {
    const onward = send({ hostname, port, method, path, headers: { ...headers, host: to } });
    onward.on("response", resolve);
    onward.on("error", reject);
    request.pipe(onward);
  });
}
