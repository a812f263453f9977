// A registry that pages its tags: docker-registry 2.8 answers with all of them, whatever `n` says.

import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Pager {
  address: string;
}

/** Pages the tag lists of the registry at `address`, and answers nothing else. */
export async function startPager(address: string): Promise<Pager> {
  const server = createServer((request, response) => {
    answer(address, request.url ?? "/", response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref(); // it ends with the run
  const { port } = server.address() as AddressInfo;
  return { address: `127.0.0.1:${port}` };
}

async function answer(address: string, path: string, response: ServerResponse): Promise<void> {
  const url = new URL(path, `http://${address}`);
  const upstream = await fetch(new URL(url.pathname, url));
  if (!url.pathname.endsWith("/tags/list") || !upstream.ok) {
    response.writeHead(404).end();
    return;
  }
  const list = (await upstream.json()) as { name: string; tags: string[] };
  const last = url.searchParams.get("last") ?? "";
  const n = Number(url.searchParams.get("n") ?? 1000);
  const left = list.tags.sort().filter((tag) => tag > last);
  const tags = left.slice(0, n);
  if (left.length > n) {
    const query = new URLSearchParams({ last: tags.at(-1) ?? "", n: String(n) });
    response.setHeader("Link", `<${url.pathname}?${query}>; rel="next"`);
  }
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify({ ...list, tags }));
}
