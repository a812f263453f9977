// `trust update` against a TUF repository of the test: what it writes, and what it refuses.

import { execFile } from "node:child_process";
import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import released from "../../src/signatures/trusted-root.json" with { type: "json" };

const folder = mkdtempSync(join(tmpdir(), "trust-update-"));
const ROOT = join(folder, "root.json");
const FILE = join(folder, "trusted-root.json");

/** JSON with keys in order, which TUF's signatures are over. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, one]) => `${JSON.stringify(key)}:${canonical(one)}`).join(",")}}`;
}

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const { publicKey, privateKey } = generateKeyPairSync("ed25519");
const other = generateKeyPairSync("ed25519").privateKey;
const key = {
  keytype: "ed25519",
  scheme: "ed25519",
  keyval: {
    public: publicKey.export({ type: "spki", format: "der" }).subarray(-32).toString("hex"),
  },
};
const keyid = sha256(canonical(key));

function signed(body: object, by: KeyObject = privateKey): string {
  const whole = {
    spec_version: "1.0.31",
    version: 1,
    expires: new Date(Date.now() + 86_400_000).toISOString().replace(/\.\d+/, ""),
    ...body,
  };
  const sig = sign(null, Buffer.from(canonical(whole)), by).toString("hex");
  return JSON.stringify({ signed: whole, signatures: [{ keyid, sig }] });
}

/** A repository with one target. @param by signs the list of targets */
function repository(target: string, by?: KeyObject): Map<string, string> {
  const role = { keyids: [keyid], threshold: 1 };
  const roles = { root: role, timestamp: role, snapshot: role, targets: role };
  const root = signed({ _type: "root", consistent_snapshot: false, keys: { [keyid]: key }, roles });
  writeFileSync(ROOT, root);
  const file = { length: target.length, hashes: { sha256: sha256(target) } };
  const targets = signed({ _type: "targets", targets: { "trusted_root.json": file } }, by);
  const snapshot = signed({ _type: "snapshot", meta: { "targets.json": { version: 1 } } });
  const timestamp = signed({ _type: "timestamp", meta: { "snapshot.json": { version: 1 } } });
  return new Map([
    ["/timestamp.json", timestamp],
    ["/snapshot.json", snapshot],
    ["/targets.json", targets],
    ["/targets/trusted_root.json", target],
  ]);
}

let files = new Map<string, string>();
let server: Server;
let mirror = "";

beforeAll(async () => {
  server = createServer((request, response) => {
    const text = files.get(request.url ?? "");
    response.writeHead(text === undefined ? 404 : 200).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  mirror = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());
beforeEach(() => writeFileSync(FILE, "before"));

/** Runs the command line as a program of its own: the server answers meanwhile. */
function cli(args: string[]): Promise<{ code: number; out: string; err: string }> {
  const entry = join(import.meta.dirname, "../../src/cli/entrepot.ts");
  return new Promise((resolve) => {
    execFile(process.execPath, [entry, ...args], (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, out: out.trim(), err }),
    );
  });
}

const update = () => cli(["trust", "update", "--mirror", mirror, "--root", ROOT, "--file", FILE]);

describe("trust update", () => {
  it("writes the repository's trusted root, and says when it ends", async () => {
    files = repository(JSON.stringify(released));
    const { code, out } = await update();
    expect(out).toBe(`written to ${FILE}; it ends on 2031-10-05: deploy to use it`);
    expect(code).toBe(0);
    expect(JSON.parse(readFileSync(FILE, "utf8"))).toEqual(released);
    expect((await update()).out).toBe("unchanged; it ends on 2031-10-05");
  });

  it.each<{ title: string; make: () => Map<string, string>; problem: RegExp }>([
    {
      title: "another's signature",
      make: () => repository(JSON.stringify(released), other),
      problem: /cannot be fetched/,
    },
    {
      title: "other bytes than signed",
      make: () => repository(JSON.stringify(released)).set("/targets/trusted_root.json", "{}"),
      problem: /cannot be fetched/,
    },
    { title: "no metadata", make: () => new Map(), problem: /cannot be fetched/ },
    {
      title: "something else",
      make: () => repository("{}"),
      problem: /what the repository has is no trusted root/,
    },
    {
      title: "no JSON",
      make: () => repository("<html>"),
      problem: /what the repository has is no trusted root/,
    },
  ])("refuses a repository with $title, and leaves the file", async ({ make, problem }) => {
    files = make();
    const { code, err } = await update();
    expect(err).toMatch(problem);
    expect(code).toBe(1);
    expect(readFileSync(FILE, "utf8")).toBe("before");
  });

  it("needs the root of another repository", async () => {
    const { code, err } = await cli(["trust", "update", "--mirror", mirror, "--file", FILE]);
    expect([code, err]).toEqual([1, expect.stringContaining("--mirror needs --root")]);
  });
});
