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
  const cases: { title: string; report: string; fixable: boolean | undefined }[] = [
    {
      title: "trivy: a version",
      report: trivyOne({ FixedVersion: "2", Status: "fixed" }),
      fixable: true,
    },
    {
      title: "trivy: a version without a status",
      report: trivyOne({ FixedVersion: "2" }),
      fixable: true,
    },
    {
      title: "trivy: will not be fixed",
      report: trivyOne({ Status: "will_not_fix" }),
      fixable: false,
    },
    { title: "trivy: end of life", report: trivyOne({ Status: "end_of_life" }), fixable: false },
    { title: "trivy: neither", report: trivyOne({}), fixable: undefined },
    {
      title: "trivy: a status that is new",
      report: trivyOne({ Status: "pondered" }),
      fixable: undefined,
    },
    {
      title: "grype: fixed",
      report: grype({ fix: { state: "fixed", versions: ["2"] } }),
      fixable: true,
    },
    {
      title: "grype: a version in an unknown state",
      report: grype({ fix: { state: "", versions: ["2"] } }),
      fixable: true,
    },
    {
      title: "grype: not fixed",
      report: grype({ fix: { state: "not-fixed", versions: [] } }),
      fixable: false,
    },
    {
      title: "grype: unknown",
      report: grype({ fix: { state: "unknown", versions: [] } }),
      fixable: undefined,
    },
    { title: "grype: no member", report: grype({}), fixable: undefined },
    { title: "harbor: a version", report: harbor({ fix_version: "2" }), fixable: true },
    { title: "harbor: none is available", report: harbor({ fix_version: "" }), fixable: false },
    { title: "harbor: left out", report: harbor({}), fixable: false },
  ];
  it.each(cases)("$title", ({ report, fixable }) => {
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
  const cases: { title: string; report: string; severity: string }[] = [
    {
      title: "a word in any case",
      report: trivyOne({ Severity: "CRITICAL" }),
      severity: "critical",
    },
    {
      title: "a word that is not known",
      report: trivyOne({ Severity: "SEVERE" }),
      severity: "unknown",
    },
    { title: "none", report: grype({}), severity: "unknown" },
    {
      title: "SARIF: a score of 9",
      report: sarif({ properties: { "security-severity": "9.0" } }),
      severity: "critical",
    },
    {
      title: "SARIF: a score below 7",
      report: sarif({ properties: { "security-severity": "6.9" } }),
      severity: "medium",
    },
    {
      title: "SARIF: a tag before a score",
      report: sarif({ properties: { tags: ["HIGH"], "security-severity": "3" } }),
      severity: "high",
    },
    { title: "SARIF: a level alone", report: sarif({}, { level: "error" }), severity: "high" },
    { title: "SARIF: nothing", report: sarif({}), severity: "unknown" },
  ];
  it.each(cases)("$title", ({ report, severity }) => {
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
  const cases: { title: string; report: string; message: RegExp }[] = [
    { title: "no JSON", report: "critical!", message: /not a JSON object/ },
    { title: "a list", report: "[]", message: /not a JSON object/ },
    { title: "nothing known", report: "{}", message: /in no known format/ },
    {
      title: "deep nesting",
      report: `{"a":${"[".repeat(100)}${"]".repeat(100)}}`,
      message: /nested deeper than/,
    },
    { title: "too large", report: `"${"x".repeat(MAX_REPORT)}"`, message: /more than \d+ bytes/ },
    {
      title: "too many vulnerabilities",
      report: trivy([{ Vulnerabilities: many }]),
      message: /more than 20000 vulnerabilities/,
    },
    {
      title: "trivy: an old schema",
      report: trivy([], { SchemaVersion: 1 }),
      message: /SchemaVersion is not 2/,
    },
    {
      title: "trivy: a directory",
      report: trivy([], { ArtifactType: "filesystem" }),
      message: /not about an image/,
    },
    {
      title: "trivy: results of another form",
      report: trivy({}),
      message: /Results is not a list/,
    },
    {
      title: "trivy: vulnerabilities of another form",
      report: trivy([{ Vulnerabilities: "none" }]),
      message: /Vulnerabilities is not a list/,
    },
    { title: "trivy: no id", report: trivyOne({ VulnerabilityID: "" }), message: /has no id/ },
    {
      title: "an id with markup",
      report: trivyOne({ VulnerabilityID: "<b>" }),
      message: /no id, or one that .* other characters/,
    },
    {
      title: "an id that names an object's prototype",
      report: trivyOne({ VulnerabilityID: "__proto__" }),
      message: /no id, or one that does not begin with a letter or digit/,
    },
    {
      title: "too many entries, of one vulnerability",
      report: trivy([
        { Vulnerabilities: Array(MAX_ENTRIES + 1).fill({ VulnerabilityID: "CVE-2026-1" }) },
      ]),
      message: /more than 100000 entries/,
    },
    {
      title: "grype: a directory",
      report: changed("grype-keycloak", (report) =>
        Object.assign(report, { source: { type: "directory" } }),
      ),
      message: /not about an image/,
    },
    {
      title: "grype: matches of another form",
      report: changed("grype-keycloak", (report) => Object.assign(report, { matches: {} })),
      message: /matches is not a list/,
    },
    {
      title: "harbor: no digest",
      report: harbor({}, { artifact: {} }),
      message: /artifact has no digest/,
    },
    {
      title: "harbor: no list",
      report: harbor({}, { vulnerabilities: undefined }),
      message: /no list of vulnerabilities/,
    },
    {
      title: "sarif: another version",
      report: changed("grype.sarif", (report) => Object.assign(report, { version: "1" })),
      message: /not 2\.1\.0/,
    },
    {
      title: "sarif: no results",
      report: changed("grype.sarif", (report) => Object.assign(report, { runs: [{}] })),
      message: /no list of results/,
    },
    {
      title: "sarif: two runs",
      report: changed("grype.sarif", (report) => Object.assign(report, { runs: [{}, {}] })),
      message: /one run/,
    },
  ];
  it.each(cases)("$title", ({ report, message }) => {
    expect(() => parseReport(report)).toThrow(message);
  });
});

it("names digests of a report, and none that is malformed", () => {
  const references = [`a@${DIGEST}`, `b@${DIGEST}`, `c@${OTHER}`, "d@sha256:1", "e", 5];
  const report = trivy([], { Metadata: { RepoDigests: references, ImageID: "sha256:1" } });
  expect(parseReport(report)).toMatchObject({ manifests: [DIGEST, OTHER] });
  expect(parseReport(report).config).toBeUndefined();
});
