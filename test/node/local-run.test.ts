// `npm start` as a neighbour on the network meets it, who says of each request that it came to this machine's own address.

import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { freePort, launch, type Server } from "../bench/processes.ts";

let server: Server;
let folder: string;
let port: number;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "entrepot-"));
  port = await freePort();
  const own = ["--port", String(port), "--inspector-port", String(await freePort())];
  const args = ["run", "start", "--", "--ip", "0.0.0.0", ...own, "--persist-to", folder];
  const url = `http://127.0.0.1:${port}`;
  server = await launch("npm", args, { url, path: "/v2/", folder });
}, 60_000);

afterAll(async () => {
  await server?.end();
  rmSync(folder, { recursive: true, force: true });
});

function ask(path: string, headers: Record<string, string> = {}): Promise<[number, string]> {
  const host = `127.0.0.1:${port}`;
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, path, headers: { host, ...headers } });
    sent.on("error", reject);
    sent.on("response", async (response) => {
      let text = "";
      for await (const part of response.setEncoding("utf8")) text += part;
      resolve([response.statusCode ?? 0, text]);
    });
    sent.end();
  });
}

/** Where the simulator has an API of its own over all that is stored: keys, tokens, manifests, layers. */
it.each([
  "/cdn-cgi/explorer",
  "/cdn-cgi/explorer/api/storage/kv/namespaces",
  "/cdn-cgi/explorer/api/r2/buckets",
  "/cdn-cgi/explorer/api/workers/durable_objects/namespaces",
  "/cdn-cgi/local/explorer/api/storage/kv/namespaces",
])("%s is not there", async (path) => {
  const [status, text] = await ask(path);
  expect([path, status]).toEqual([path, 404]);
  expect(text).toContain("there is nothing here");
});

it("nor is an API that wants no login", async () => {
  expect((await ask("/api/rules"))[0]).toBe(404);
});
