// `npm run check`: what it says of scanners' tokens.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";

const CHECK = join(import.meta.dirname, "../../src/cli/check.ts");
const folder = mkdtempSync(join(tmpdir(), "entrepot-check-"));
afterAll(() => rmSync(folder, { recursive: true }));

const WRANGLER = `
name = "entrepot"
[vars]
AUTH = { mode = "token" }
[[vars.RULES]]
prefix = "ghcr.io"
upstream = "ghcr.io"
[[vars.SCANNERS]]
name = "acme-ci"
token = "ACME_SCANNER"
repositories = ["ghcr.io/acme/**"]
`;

/** @param secrets of this machine */
function checked(secrets: string) {
  writeFileSync(join(folder, "wrangler.toml"), WRANGLER);
  writeFileSync(join(folder, ".dev.vars"), secrets);
  const { status, stdout, stderr } = spawnSync(process.execPath, [CHECK], {
    cwd: folder,
    encoding: "utf8",
  });
  return { status, text: stdout + stderr };
}

it("names each scanner, what it may report on, and a token that may not be set", () => {
  const { status, text } = checked("");
  expect(text).toContain("  SCANNERS: acme-ci may report on ghcr.io/acme/**\n");
  expect(text).toContain(
    "    unless already done: the secret ACME_SCANNER is not set: `npx wrangler secret put ACME_SCANNER`\n",
  );
  expect(status).toBe(0);
});

it("refuses a token that is too short to be accepted, without its value", () => {
  const { status, text } = checked("ACME_SCANNER=short-and-guessed\n");
  expect(text).toContain("✘ scanner acme-ci: the secret ACME_SCANNER has fewer than 32 characters");
  expect(text).not.toContain("short-and-guessed");
  expect(status).toBe(1);
});

it("has nothing against one that is set", () => {
  const { status, text } = checked("ACME_SCANNER=a-token-of-acme-ci-for-the-tests-1\n");
  expect([status, text]).toEqual([0, expect.not.stringContaining("unless already done")]);
});
