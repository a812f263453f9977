// Upstreams behind TLS that speak HTTP/2 and HTTP/1.1, with certificates of one's own authority: `npm start` in front of them trusts what
// NODE_EXTRA_CA_CERTS names, and nothing else.

import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect, createSecureServer, type Http2SecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { freePort, launch, type Server } from "../bench/processes.ts";
import { certificates } from "../support/certificates.ts";
import { configOf, manifestOf } from "../support/images.ts";
import { handle } from "../support/upstream/request.ts";
import { newState } from "../support/upstream/state.ts";

const MiB = 1024 * 1024;
const state = newState();
const folder = mkdtempSync(join(tmpdir(), "entrepot-"));
const trusted = certificates();
const servers: Http2SecureServer[] = [];
/** Of requests: the versions of HTTP. */
const versions = new Set<string>();
let server: Server;

async function serve({ cert, key }: { cert: string; key: string }): Promise<number> {
  const opened = createSecureServer({ cert, key, allowHTTP1: true }, (req, res) => {
    versions.add(req.httpVersion);
    const [asked, answer] = [req as unknown as IncomingMessage, res as unknown as ServerResponse];
    handle(state, "open", asked, answer).catch(() => answer.destroy());
  });
  servers.push(opened);
  await new Promise<void>((resolve) => opened.listen(0, "127.0.0.1", resolve));
  return (opened.address() as AddressInfo).port;
}

const LAYERS = [5_000, 20 * MiB + 7];
const image = async () => {
  const layers = await Promise.all(
    LAYERS.map((size, at) => state.repositories.addGenerated("team/app", at, size, "sha256")),
  );
  const json = (body: object) => Buffer.from(JSON.stringify(body));
  const config = await state.repositories.addGiven(
    "team/app",
    json(configOf("tls", { os: "linux", architecture: "amd64" }, layers)),
    "sha256",
  );
  const body = json(manifestOf("oci", config, layers));
  const type = "application/vnd.oci.image.manifest.v1+json";
  const manifest = await state.repositories.addManifest("team/app", body, type, "sha256");
  state.repositories.at("team/app").tags.set("1", manifest.digest);
  return { manifest, blobs: [config, ...layers] };
};

beforeAll(async () => {
  const [known, unknown] = [await serve(trusted), await serve(certificates())];
  const ca = join(folder, "ca.pem");
  writeFileSync(ca, trusted.ca);
  const RULES = [
    { prefix: "address", upstream: `https://127.0.0.1:${known}` },
    { prefix: "name", upstream: `https://localhost:${known}` },
    { prefix: "unknown", upstream: `https://127.0.0.1:${unknown}` },
  ];
  const port = await freePort();
  const own = ["--port", String(port), "--inspector-port", String(await freePort())];
  const variables = ["--var", `RULES:${JSON.stringify(RULES)}`];
  const args = ["run", "start", "--", ...own, ...variables, "--persist-to", folder];
  process.env.NODE_EXTRA_CA_CERTS = ca;
  try {
    server = await launch("npm", args, { url: `http://127.0.0.1:${port}`, path: "/v2/", folder });
  } finally {
    delete process.env.NODE_EXTRA_CA_CERTS;
  }
}, 60_000);

afterAll(async () => {
  await server?.end();
  for (const one of servers) one.close();
  rmSync(folder, { recursive: true, force: true });
});

const digestOf = (bytes: Buffer) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
async function get(path: string): Promise<Buffer> {
  const response = await fetch(`${server.url}/v2/${path}`);
  expect([path, response.status]).toEqual([path, 200]);
  return Buffer.from(await response.arrayBuffer());
}

it("an image is pulled whole, by the upstream's name and by its address", async () => {
  const { manifest, blobs } = await image();
  for (const rule of ["address", "name"]) {
    expect(digestOf(await get(`${rule}/team/app/manifests/1`))).toBe(manifest.digest);
    for (const { digest } of blobs)
      expect(digestOf(await get(`${rule}/team/app/blobs/${digest}`))).toBe(digest);
  }
  expect(versions.size).toBeGreaterThan(0);
});

/** Which workerd does not, here: it offers HTTP/1.1 alone. */
it("of an upstream that others ask by HTTP/2", async () => {
  const { manifest } = await image();
  const [known] = servers as [Http2SecureServer];
  const { port } = known.address() as AddressInfo;
  const session = connect(`https://localhost:${port}`, { ca: trusted.ca });
  const path = "/v2/team/app/manifests/1";
  const digest = await new Promise((resolve, reject) => {
    session.on("error", reject);
    const stream = session.request({ ":path": path, ":method": "HEAD" });
    stream.on("response", (headers) => resolve(headers["docker-content-digest"]));
    stream.on("error", reject);
    stream.end();
  });
  session.close();
  expect([session.alpnProtocol, digest]).toEqual(["h2", manifest.digest]);
});

it("one whose certificate is by another authority is not asked", async () => {
  versions.clear();
  const response = await fetch(`${server.url}/v2/unknown/team/app/manifests/1`);
  const { errors } = (await response.json()) as { errors: { code: string; message: string }[] };
  expect([response.status, errors]).toMatchObject([502, [{ code: "UNAVAILABLE" }]]);
  expect(errors[0]?.message).toContain("127.0.0.1");
  expect([...versions]).toEqual([]);
});
