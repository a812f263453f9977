// The guide's receiver of webhooks: it takes what the cache signs, and nothing else.

import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { lexer, type Tokens } from "marked";
import { afterAll, beforeAll, expect, it } from "vitest";
import { send } from "../../src/webhooks/send.ts";
import { freePort } from "../bench/processes.ts";
import { eventually } from "../support/waiting.ts";

const GUIDE = new URL("../../src/guide/operations.md", import.meta.url).pathname;
const KEY = Buffer.from("a-key-of-the-receiver's-test-0123");
const said: string[] = [];
let url = "";
let receiver: ChildProcess;

beforeAll(async () => {
  const blocks = lexer(readFileSync(GUIDE, "utf8")).filter(({ type }) => type === "code");
  const code = (blocks as Tokens.Code[]).find(({ lang }) => lang === "js")?.text ?? "";
  const port = await freePort();
  url = `http://127.0.0.1:${port}/`;
  const env = { DEPLOYS_WEBHOOK: `whsec_${KEY.toString("base64")}`, PORT: String(port) };
  receiver = spawn(process.execPath, ["--input-type=module", "--eval", code], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  receiver.stdout?.on("data", (chunk) => said.push(String(chunk)));
  await eventually(async () => expect((await fetch(url, { method: "POST" })).status).toBe(401));
});
afterAll(() => {
  receiver.kill();
});

const BODY = JSON.stringify({ type: "dev.entrepot.tag.moved", subject: "a/b:1" });
const status = async (key: Uint8Array, event: string, body = BODY) =>
  (await send({ name: "deploys", url }, key, { event, body })).status;

it("takes an event that is signed with its key", async () => {
  expect(await status(KEY, "evt_1_x")).toBe(204);
  await eventually(() => expect(said.join("")).toBe("dev.entrepot.tag.moved a/b:1\n"));
});

it("refuses another key, and a body, an id or a time that was not signed", async () => {
  expect(await status(Buffer.from("another-key-of-the-test-01234"), "evt_2_x")).toBe(401);
  const { fetch: real } = globalThis;
  for (const change of [
    { body: BODY.replace("a/b", "a/c") },
    { header: ["webhook-id", "evt_9_x"] },
    { header: ["webhook-timestamp", String(Math.floor(Date.now() / 1000) - 1)] },
    { header: ["webhook-signature", "v1,"] },
  ] as { body?: string; header?: [string, string] }[]) {
    globalThis.fetch = (input, init) => {
      const headers = new Headers(init?.headers);
      if (change.header) headers.set(...change.header);
      return real(input, { ...init, headers, body: change.body ?? init?.body ?? null });
    };
    try {
      expect([change, await status(KEY, "evt_3_x")]).toEqual([change, 401]);
    } finally {
      globalThis.fetch = real;
    }
  }
  expect(said).toHaveLength(1);
});
