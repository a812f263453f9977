// AUDIT: what is read of it, and what stops at the door.

import { expect, it } from "vitest";
import { auditSummary, readAudit } from "../../src/config/audit.ts";

it.each([
  [undefined, undefined],
  ["", undefined],
  [{ to: "log" }, { to: ["log"] }],
  ['{"to":["log","analytics"]}', { to: ["log", "analytics"] }],
  [
    { to: "analytics", repositories: ["ghcr.io/acme/**"] },
    { to: ["analytics"], repositories: ["ghcr.io/acme/**"] },
  ],
])("%j", (given, expected) => {
  const problems: string[] = [];
  expect(readAudit(given, problems)).toEqual(expected);
  expect(problems).toEqual([]);
});

it.each([
  ["log", /^AUDIT: /],
  [7, /^AUDIT: /],
  [{}, /^AUDIT\.to: must be "log" or "analytics"/],
  [{ to: [] }, /^AUDIT\.to: must be "log" or "analytics"/],
  [{ to: "syslog" }, /^AUDIT\.to: must be "log" or "analytics"/],
  [{ to: ["log", "syslog"] }, /^AUDIT\.to\[1\]: must be "log" or "analytics"/],
  [{ to: "log", repositories: [] }, /^AUDIT\.repositories: must have at least one glob/],
  [{ to: "log", repositories: "acme/**" }, /^AUDIT\.repositories: must be a list of globs/],
  [{ to: "log", repositories: ["acme/app:1"] }, /^AUDIT\.repositories\[0\]: .*without a tag/],
  [{ to: "log", repositories: ["acme/{a"] }, /^AUDIT\.repositories\[0\]: .*bracket/],
  [{ to: "log", sample: 0.1 }, /^AUDIT\.sample: is not a field of AUDIT/],
])("%j stops at the door", (given, words) => {
  const problems: string[] = [];
  expect(readAudit(given, problems)).toBeUndefined();
  expect(problems).toEqual([expect.stringMatching(words)]);
});

it("the check says what is audited, and where a dataset is missing", () => {
  expect(auditSummary({ to: ["log"] }, [])).toEqual(["  AUDIT: all pulls, to log"]);
  const both = { to: ["log" as const, "analytics" as const], repositories: ["acme/**", "b/*"] };
  const line = "  AUDIT: pulls of acme/**, b/*, to log and analytics";
  expect(auditSummary(both, ["AUDIT_ANALYTICS"])).toEqual([line]);
  expect(auditSummary(both, ["ANALYTICS"])).toEqual([
    line,
    expect.stringContaining("no dataset is bound as AUDIT_ANALYTICS"),
  ]);
});
