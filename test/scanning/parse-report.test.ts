// Scanners' reports: those that trivy and grype made, and ones that must be refused.

/// <reference types="vite/types/importMeta.d.ts" />
import { describe, expect, it } from "vitest";
import type { Vulnerability } from "../../src/policy/verdict.ts";
import { MAX_REPORT, parseReport } from "../../src/scanning/parse-report.ts";
import { MAX_ENTRIES, MAX_VULNERABILITIES } from "../../src/scanning/report-parts.ts";

const files = import.meta.glob<string>("./reports/*.json", {
  query: "?raw",
  import: "default",
  eager: true,
});
const made = (name: string) => files[`./reports/${name}.json`] as string;
const changed = (name: string, change: (report: Record<string, never>) => void): string => {
  const report = JSON.parse(made(name));
  change(report);
  return JSON.stringify(report);
};
const short = ({ id, package: name, severity, fixedBy, fixable }: Vulnerability) =>
  [id, name, severity, fixedBy, fixable] as const;

const DIGEST = `sha256:${"a".repeat(64)}`;
const OTHER = `sha256:${"b".repeat(64)}`;

const trivy = (results: unknown, more: object = {}) =>
  JSON.stringify({
    SchemaVersion: 2,
    ArtifactType: "container_image",
    Metadata: { RepoDigests: [`docker.io/library/alpine@${DIGEST}`] },
    Results: results,
    ...more,
  });
const trivyOne = (fields: object) =>
  trivy([{ Vulnerabilities: [{ VulnerabilityID: "CVE-2026-1", PkgName: "a", ...fields }] }]);
const grype = (vulnerability: object, target: object = { manifestDigest: DIGEST }) =>
  JSON.stringify({
    matches: [{ vulnerability: { id: "CVE-2026-1", ...vulnerability }, artifact: { name: "a" } }],
    source: { type: "image", target },
    descriptor: { name: "grype" },
  });
const harbor = (fields: object, more: object = {}) =>
  JSON.stringify({
    generated_at: "2026-11-01T10:00:00Z",
    artifact: { repository: "library/alpine", digest: DIGEST },
    scanner: { name: "Trivy", vendor: "Aqua Security", version: "0.57.1" },
    severity: "Critical",
    vulnerabilities: [{ id: "CVE-2026-1", package: "a", version: "1", ...fields }],
    ...more,
  });

describe("reports that scanners made", () => {
  it("reads trivy's JSON of an image archive, which names the image by its config alone", () => {
    const { vulnerabilities, ...report } = parseReport(made("trivy-debian"));
    expect(report).toEqual({
      tool: "trivy",
      scannedAt: Date.parse("2021-08-25T12:20:30.000Z"),
      manifests: [],
      config: "sha256:c2c03a296d2329a4f3ab72a7bf38b78a8a80108204d326b0139d6af700e152d1",
    });
    expect(vulnerabilities.map(short)).toEqual([
      ["CVE-2019-18276", "bash", "low", undefined, false],
      ["CVE-2019-18224", "libidn2-0", "critical", "2.0.5-1+deb10u1", true],
    ]);
  });

  it("reads the same findings from trivy's SARIF as from its JSON", () => {
    const json = parseReport(made("trivy-alpine"));
    const sarif = parseReport(made("trivy-alpine.sarif"));
    expect(json.vulnerabilities).toHaveLength(4);
    expect(sarif.tool).toBe("trivy");
    expect(sarif.vulnerabilities).toEqual(json.vulnerabilities);
    expect(sarif.manifests).toEqual([]);
  });

  it("reads grype's JSON: its manifest, its index, its config, and one entry for each package", () => {
    const { vulnerabilities, ...report } = parseReport(made("grype-keycloak"));
    expect(report).toEqual({
      tool: "grype",
      scannedAt: Date.parse("2023-09-01T12:13:42.201Z"),
      manifests: [
        "sha256:d1630d3eb8285a978301bcefc5b223e564ae300750af2fc9ea3f413c5376a47e",
        "sha256:347a0d748d05a050dc64b92de2246d2240db6eb38afbc17c3c08d0acb0db1b50",
      ],
      config: "sha256:8cf8fd2be2ded92962d52adff75ad06a4c30f69c66facbdf223364c6c9e33b8c",
    });
    expect(vulnerabilities).toHaveLength(6);
    expect(vulnerabilities.map(short)[0]).toEqual([
      "CVE-2020-12413",
      "nspr",
      "low",
      undefined,
      false,
    ]);
  });

  it("reads grype's SARIF, whose rule ids are an id with a package", () => {
    const { tool, vulnerabilities } = parseReport(made("grype.sarif"));
    expect(tool).toBe("grype");
    expect(vulnerabilities.map(short)).toEqual([
      ["CVE-1999-0001", "package-1", "low", "the-next-version", true],
      ["CVE-1999-0002", "package-2", "critical", undefined, false],
    ]);
  });

  it("reads a report of Harbor's scanner API", () => {
    const { vulnerabilities, ...report } = parseReport(
      harbor({ severity: "High", fix_version: "2" }),
    );
    expect(report).toEqual({
      tool: "trivy",
      scannedAt: Date.parse("2026-11-01T10:00:00Z"),
      manifests: [DIGEST],
    });
    expect(vulnerabilities.map(short)).toEqual([["CVE-2026-1", "a", "high", "2", true]]);
  });
});

describe("whether there is a fix", () => {
  const cases: [title: string, report: string, fixable: boolean | undefined][] = [
    ["trivy: a version", trivyOne({ FixedVersion: "2", Status: "fixed" }), true],
    ["trivy: a version without a status", trivyOne({ FixedVersion: "2" }), true],
    ["trivy: will not be fixed", trivyOne({ Status: "will_not_fix" }), false],
    ["trivy: end of life", trivyOne({ Status: "end_of_life" }), false],
    ["trivy: neither", trivyOne({}), undefined],
    ["trivy: a status that is new", trivyOne({ Status: "pondered" }), undefined],
    ["grype: fixed", grype({ fix: { state: "fixed", versions: ["2"] } }), true],
    ["grype: a version in an unknown state", grype({ fix: { state: "", versions: ["2"] } }), true],
    ["grype: not fixed", grype({ fix: { state: "not-fixed", versions: [] } }), false],
    ["grype: unknown", grype({ fix: { state: "unknown", versions: [] } }), undefined],
    ["grype: no member", grype({}), undefined],
    ["harbor: a version", harbor({ fix_version: "2" }), true],
    ["harbor: none is available", harbor({ fix_version: "" }), false],
    ["harbor: left out", harbor({}), false],
  ];
  it.each(cases)("%s", (_, report, fixable) => {
    expect(parseReport(report).vulnerabilities.map((one) => one.fixable)).toEqual([fixable]);
  });
});

describe("severities", () => {
  const sarif = (rule: object, result: object = {}) =>
    JSON.stringify({
      version: "2.1.0",
      runs: [
        {
          tool: { driver: { name: "other", rules: [{ id: "CVE-2026-1", ...rule }] } },
          results: [{ ruleId: "CVE-2026-1", message: { text: "" }, ...result }],
        },
      ],
    });
  const cases: [title: string, report: string, severity: string][] = [
    ["a word in any case", trivyOne({ Severity: "CRITICAL" }), "critical"],
    ["a word that is not known", trivyOne({ Severity: "SEVERE" }), "unknown"],
    ["none", grype({}), "unknown"],
    ["SARIF: a score of 9", sarif({ properties: { "security-severity": "9.0" } }), "critical"],
    ["SARIF: a score below 7", sarif({ properties: { "security-severity": "6.9" } }), "medium"],
    [
      "SARIF: a tag before a score",
      sarif({ properties: { tags: ["HIGH"], "security-severity": "3" } }),
      "high",
    ],
    ["SARIF: a level alone", sarif({}, { level: "error" }), "high"],
    ["SARIF: nothing", sarif({}), "unknown"],
  ];
  it.each(cases)("%s", (_, report, severity) => {
    expect(parseReport(report).vulnerabilities.map((one) => one.severity)).toEqual([severity]);
  });

  it("counts a package's vulnerability once, at its worst, and as fixable if one entry may be", () => {
    const entry = (Severity: string, more: object) => ({
      VulnerabilityID: "CVE-2026-1",
      PkgName: "a",
      InstalledVersion: "1",
      Severity,
      ...more,
    });
    const report = trivy([
      { Vulnerabilities: [entry("LOW", { FixedVersion: "2" })] },
      { Vulnerabilities: [entry("HIGH", { Status: "affected" })] },
    ]);
    expect(parseReport(report).vulnerabilities.map(short)).toEqual([
      ["CVE-2026-1", "a", "high", "2", true],
    ]);
  });

  it("leaves out what trivy says is not affected, and SARIF results that are no vulnerabilities", () => {
    expect(parseReport(trivyOne({ Status: "not_affected" })).vulnerabilities).toEqual([]);
    const secret = sarif({ properties: { tags: ["secret", "security", "CRITICAL"] } });
    expect(parseReport(secret).vulnerabilities).toEqual([]);
  });
});

it("takes a report without results as clean", () => {
  expect(parseReport(trivy(undefined))).toMatchObject({ manifests: [DIGEST], vulnerabilities: [] });
  expect(parseReport(harbor({}, { vulnerabilities: null })).vulnerabilities).toEqual([]);
});

it("makes foreign text printable and bounded", () => {
  const [one] = parseReport(
    trivyOne({ PkgName: `a\u001b[31m\u202e${"x".repeat(9_999)}` }),
  ).vulnerabilities;
  expect(one?.package).toMatch(/^a\ufffdx+…$/);
  expect(one?.package.length).toBeLessThan(300);
});

describe("SARIF of a hostile scanner", () => {
  const sarif = (result: object, rule: object = {}) =>
    JSON.stringify({
      version: "2.1.0",
      runs: [
        {
          tool: { driver: { name: "any", rules: [{ id: "CVE-2026-1", ...rule }] } },
          results: [{ ruleId: "CVE-2026-1", ...result }],
        },
      ],
    });
  const object = { toString: 1, valueOf: 1 };

  it("with objects where texts and numbers belong has them left out", () => {
    const properties = { tags: [object], "security-severity": object };
    const { vulnerabilities } = parseReport(sarif({ level: object }, { properties }));
    expect(vulnerabilities).toMatchObject([{ id: "CVE-2026-1", severity: "unknown" }]);
    const indexed = parseReport(sarif({ ruleId: "CVE-2026-2", ruleIndex: object }));
    expect(indexed.vulnerabilities).toMatchObject([{ id: "CVE-2026-2" }]);
  });

  it("is read up to a number of tags and of lines for each result, which share a rule", () => {
    const tags = [...Array(100).fill("x"), "secret", "HIGH"];
    const help = { text: `${"\n".repeat(100)}Severity: critical` };
    const { vulnerabilities } = parseReport(sarif({}, { properties: { tags }, help }));
    expect(vulnerabilities).toMatchObject([{ severity: "unknown" }]);
  });
});

describe("reports that are refused", () => {
  const many = Array.from({ length: MAX_VULNERABILITIES + 1 }, (_, number) => ({
    VulnerabilityID: `CVE-2026-${number}`,
    PkgName: "a",
  }));
  const cases: [title: string, report: string, message: RegExp][] = [
    ["no JSON", "critical!", /not a JSON object/],
    ["a list", "[]", /not a JSON object/],
    ["nothing known", "{}", /in no known format/],
    ["deep nesting", `{"a":${"[".repeat(100)}${"]".repeat(100)}}`, /nested deeper than/],
    ["too large", `"${"x".repeat(MAX_REPORT)}"`, /more than \d+ bytes/],
    [
      "too many vulnerabilities",
      trivy([{ Vulnerabilities: many }]),
      /more than 20000 vulnerabilities/,
    ],
    ["trivy: an old schema", trivy([], { SchemaVersion: 1 }), /SchemaVersion is not 2/],
    ["trivy: a directory", trivy([], { ArtifactType: "filesystem" }), /not about an image/],
    ["trivy: results of another form", trivy({}), /Results is not a list/],
    [
      "trivy: vulnerabilities of another form",
      trivy([{ Vulnerabilities: "none" }]),
      /Vulnerabilities is not a list/,
    ],
    ["trivy: no id", trivyOne({ VulnerabilityID: "" }), /has no id/],
    [
      "an id with markup",
      trivyOne({ VulnerabilityID: "<b>" }),
      /no id, or one that .* other characters/,
    ],
    [
      "an id that names an object's prototype",
      trivyOne({ VulnerabilityID: "__proto__" }),
      /no id, or one that does not begin with a letter or digit/,
    ],
    [
      "too many entries, of one vulnerability",
      trivy([{ Vulnerabilities: Array(MAX_ENTRIES + 1).fill({ VulnerabilityID: "CVE-2026-1" }) }]),
      /more than 100000 entries/,
    ],
    [
      "grype: a directory",
      changed("grype-keycloak", (report) =>
        Object.assign(report, { source: { type: "directory" } }),
      ),
      /not about an image/,
    ],
    [
      "grype: matches of another form",
      changed("grype-keycloak", (report) => Object.assign(report, { matches: {} })),
      /matches is not a list/,
    ],
    ["harbor: no digest", harbor({}, { artifact: {} }), /artifact has no digest/],
    ["harbor: no list", harbor({}, { vulnerabilities: undefined }), /no list of vulnerabilities/],
    [
      "sarif: another version",
      changed("grype.sarif", (report) => Object.assign(report, { version: "1" })),
      /not 2\.1\.0/,
    ],
    [
      "sarif: no results",
      changed("grype.sarif", (report) => Object.assign(report, { runs: [{}] })),
      /no list of results/,
    ],
    [
      "sarif: two runs",
      changed("grype.sarif", (report) => Object.assign(report, { runs: [{}, {}] })),
      /one run/,
    ],
  ];
  it.each(cases)("%s", (_, report, message) => {
    expect(() => parseReport(report)).toThrow(message);
  });
});

it("names digests of a report, and none that is malformed", () => {
  const references = [`a@${DIGEST}`, `b@${DIGEST}`, `c@${OTHER}`, "d@sha256:1", "e", 5];
  const report = trivy([], { Metadata: { RepoDigests: references, ImageID: "sha256:1" } });
  expect(parseReport(report)).toMatchObject({ manifests: [DIGEST, OTHER] });
  expect(parseReport(report).config).toBeUndefined();
});
