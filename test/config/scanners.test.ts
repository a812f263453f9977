// SCANNERS: what is read, and what is refused with which words.

import { describe, expect, it } from "vitest";
import { readScanners } from "../../src/config/scanners.ts";

const TRIVY = { name: "trivy", token: "TRIVY_TOKEN" };
const read = (value: unknown) => {
  const problems: string[] = [];
  const scanners = readScanners(value, problems);
  return { scanners, problems };
};

describe("SCANNERS", () => {
  it("is a list of tables, or its JSON; without it there are none", () => {
    const bound = { ...TRIVY, repositories: ["docker.io/acme/**"] };
    for (const value of [[bound], JSON.stringify([bound])])
      expect(read(value)).toEqual({ scanners: [bound], problems: [] });
    for (const value of [undefined, ""])
      expect(read(value)).toEqual({ scanners: [], problems: [] });
  });

  const cases: [value: unknown, problem: RegExp][] = [
    ["{", /^SCANNERS: /],
    [TRIVY, /^SCANNERS: must be a list of tables/],
    [
      [{ ...TRIVY, name: "Trivy!" }],
      /^SCANNERS\[0\]\.name: must have at most 63 lower-case letters/,
    ],
    [[{ name: "trivy" }], /^SCANNERS\[0\]\.token: /],
    [[{ ...TRIVY, token: "not a name" }], /^SCANNERS\[0\]\.token: must be the name of a secret/],
    [
      [{ ...TRIVY, token: "VIEWER_TOKEN" }],
      /^SCANNERS\[0\]\.token: is one of the cache's own secrets/,
    ],
    [[{ ...TRIVY, repositories: [] }], /^SCANNERS\[0\]\.repositories: must name a repository/],
    [[{ ...TRIVY, repositories: ["a["] }], /^SCANNERS\[0\]\.repositories\[0\]: /],
    [[{ ...TRIVY, tokn: "A" }], /^SCANNERS\[0\]\.tokn: is not a field of a scanner/],
    [[TRIVY, { ...TRIVY, token: "B" }], /^SCANNERS\[1\]\.name: "trivy" is another scanner's/],
    [[TRIVY, { ...TRIVY, name: "b" }], /^SCANNERS\[1\]\.token: "TRIVY_TOKEN" is another scanner's/],
    [
      Array.from({ length: 21 }, (_, at) => ({ name: `s${at}`, token: `T${at}` })),
      /at most 20 entries/,
    ],
  ];
  it.each(cases)("%j is refused", (value, problem) => {
    const { problems } = read(value);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(problem);
  });
});
