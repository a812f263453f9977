// The audit of what checks of trust find: what a check in report mode found is recorded as would-refuse, one that enforces as refused.

import { afterEach, expect, it, vi } from "vitest";
import { readRule } from "../../src/config/read.ts";
import { Audit } from "../../src/http/shared/audit.ts";
import { entryOf, Recorder } from "../../src/http/shared/recorder.ts";
import type { Digest } from "../../src/oci/digest.ts";
import type { Finding } from "../../src/policy/trust.ts";
import type { Pull } from "../../src/pull/pull.ts";
import { settleFinding } from "../../src/pull/trust.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const digest: Digest = `sha256:${"a".repeat(64)}`;
/** ASCII, with the signs of cut and of replaced text. */
const PRINTABLE = /^[ -~…\ufffd]*$/;
const NOW = Date.parse("2026-11-29T15:04:05.000Z");
const given = { prefix: "acme", upstream: "registry.example.com" };
const read = readRule(given, "RULES[0]", false, []);
if (!read) throw new Error("the rule cannot be read");
const source = { rule: read.rule, repository: "app" };

/** Pulls an image that a check has found fault with. @returns the record's line and point */
async function audited(finding: Omit<Finding, "check" | "message">, message = "it is too young") {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  const points: { blobs: string[]; doubles: number[] }[] = [];
  const writeDataPoint = (point: (typeof points)[number]) => void points.push(point);
  const audit = new Audit({ to: ["log", "analytics"] }, { writeDataPoint });
  const reports = { noted() {}, failed() {} };
  const recorder = new Recorder("none", reports, undefined, audit);
  const visit = { host: "cache.example", now: NOW, later() {} };
  const pull: Pull = { ...visit, deadline: NOW, noCache: false, quarantined: new Map() };
  const entry = entryOf({ request: new Request("https://cache.example/v2/acme/app/manifests/1") });
  Object.assign(entry, { kind: "manifest", name: "acme/app", reference: "1", source });
  entry.findings = [];
  entry.who = "https://issuer.example repo:acme/app\u202e\u001b[2J";
  await recorder
    .record(entry, visit, async () => {
      const settled = { ...pull, findings: entry.findings ?? [] };
      settleFinding({ check: "age", message, ...finding }, { source, digest, tag: "1" }, settled);
      entry.digest = digest;
      return new Response("{}");
    })
    .catch(() => {});
  return { line: JSON.parse(log.mock.calls[0]?.[0] as string), raw: log.mock.calls, points };
}

const common = {
  message: "entrepot: pull",
  at: "2026-11-29T15:04:05.000Z",
  method: "GET",
  rule: "acme",
  repository: "app",
  name: "acme/app",
  reference: "1",
  digest,
};

it("report: served, and would be refused", async () => {
  const { line, points, raw } = await audited({ mode: "report" });
  expect(line).toMatchObject({
    ...common,
    decision: "would-refuse",
    status: 200,
    wouldRefuse: [{ check: "age", message: "it is too young" }],
  });
  expect(line).not.toHaveProperty("refusedBy");
  expect(raw).toHaveLength(1);
  expect(points).toMatchObject([{ doubles: [200] }]);
  const { blobs = [] } = points[0] ?? {};
  expect([blobs[0], ...blobs.slice(6, 11)]).toEqual([
    "would-refuse",
    "1",
    digest,
    "",
    "age",
    "it is too young",
  ]);
});

it.each([
  { title: "refused", more: {}, status: 403 },
  { title: "undecided: the check could not be made", more: { undecided: true }, status: 503 },
])("enforce: $title, by the check and with the digest", async ({ more, status }) => {
  const { line, points } = await audited({ mode: "enforce", ...more });
  const refused = { decision: "refused", refusedBy: "age", why: "it is too young", status };
  expect(line).toMatchObject({ ...common, ...refused });
  const { blobs = [], doubles } = points[0] ?? {};
  expect([blobs[0], blobs[7], blobs[8], doubles]).toEqual(["refused", digest, "age", [status]]);
});

it("texts are bounded, and an issuer's subject is made safe to print", async () => {
  const { raw, points } = await audited({ mode: "report" }, `m\u202e${"x".repeat(50_000)}`);
  const line = String(raw[0]?.[0]);
  expect(line.length).toBeLessThan(2_000);
  expect(line).toMatch(PRINTABLE);
  const text = points[0]?.blobs.join("") ?? "";
  expect(text.length).toBeLessThan(2_000);
  expect(text).toMatch(PRINTABLE);
  expect(line).toContain("repo:acme/app");
});
