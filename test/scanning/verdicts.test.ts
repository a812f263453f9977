// Verdicts: reports of scanners are taken from those that may report, about the image that they name, and kept for each scanner.

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { openCatalog } from "../../src/catalog/open.ts";
import { MAX_KNOWN } from "../../src/catalog/record/verdicts.ts";
import type { Env } from "../../src/env.ts";
import { openFills } from "../../src/fill/open.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { MAX_REPORTERS } from "../../src/scanning/bounds.ts";
import { VerdictStore } from "../../src/store/verdicts.ts";
import { ADMIN, api, bearer, shutCache, VIEWER } from "../support/access.ts";
import { Browser, wordsOf } from "../support/browser.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";
import { cliOf } from "../support/cli.ts";
import type { Image } from "../support/fixture.ts";
import { pullWhole } from "../support/lifecycle.ts";
import { grypeReport, type Hole, trivyReport } from "../support/reports.ts";

const SCANNER_TOKEN = "a-scanner-token-of-the-tests-012";
const ACME_TOKEN = "a-token-of-the-scanner-of-acme-1";
const SHORT = "short-token";
const bindings = env as unknown as Env;
const catalog = openCatalog(bindings);
const store = new VerdictStore(bindings.META, bindings.BLOBS);

const rule = `scanned-${crypto.randomUUID().slice(0, 6)}`;
const RULES = [{ prefix: rule, upstream: fixture.url("open") + apartPath() }];
const SCANNERS = [
  { name: "acme-scanner", token: "ACME_SCANNER", repositories: [`${rule}/acme-*`] },
  { name: "short", token: "SHORT_SCANNER" },
];
const variables = {
  RULES,
  SCANNERS,
  SCANNER_TOKEN,
  ACME_SCANNER: ACME_TOKEN,
  SHORT_SCANNER: SHORT,
};
const cache = shutCache(variables);
const puller = new Cache({ RULES, AUTH: JSON.stringify({ mode: "open", acknowledgeOpen: true }) });

interface Counted {
  all: number;
  fixable: number;
}
interface Told {
  digest: string;
  severity?: string;
  counts: Record<string, Counted>;
  scanners: ({ scanner: string; by: string } | string)[];
  vulnerabilities: { id: string; scanner: string; firstSeen: string; fixedBy?: string }[];
  images: { name: string; tags: string[]; pulledAt?: string }[];
}

async function pulled(hint: string, name = repository(hint)): Promise<Image & { name: string }> {
  const image = await fixture.image(name, "1");
  await pullWhole(puller, `${rule}/${name}`, "1", image);
  await puller.settled();
  return { ...image, name };
}

const put = (digest: string, report: string, token = SCANNER_TOKEN, on = cache) =>
  on.ask(`https://cache.example/api/verdicts/${digest}`, {
    method: "PUT",
    headers: bearer(token),
    body: report,
  });
const told = async (digest: string): Promise<Told> =>
  (await api(cache, "GET", `verdicts/${digest}`, undefined, bearer(VIEWER))).json();
const problemOf = async (response: Response) =>
  [response.status, ((await response.json()) as { detail: string }).detail] as const;
const changesOf = async (digest: string) =>
  (await catalog.happened(undefined, 1_000))
    .filter((one) => one.what === "verdict.changed" && one.digest === digest)
    .map(({ detail }) => detail);

describe("a report", () => {
  it("is taken with SCANNER_TOKEN, shown with its fixes, and listed with the image and its last pull", async () => {
    const image = await pulled("reported");
    const holes: Hole[] = [
      ["CVE-2026-10", "HIGH"],
      ["CVE-2026-11", "CRITICAL", "1.2"],
    ];
    const response = await put(image.digest, trivyReport(image, holes));
    expect(response.status).toBe(200);
    const verdict = await told(image.digest);
    expect(await response.json()).toEqual(verdict);
    expect(verdict).toMatchObject({
      digest: image.digest,
      severity: "critical",
      counts: { critical: { all: 1, fixable: 1 }, high: { all: 1, fixable: 0 } },
      scanners: [{ scanner: "trivy", scannedAt: "2026-11-01T10:00:00.000Z", by: "SCANNER_TOKEN" }],
      vulnerabilities: [
        { id: "CVE-2026-11", fixedBy: "1.2", package: "openssl" },
        { id: "CVE-2026-10", fixable: false },
      ],
      images: [{ name: `${rule}/${image.name}`, tags: ["1"] }],
    });
    const list = async (query: string) =>
      (
        (await (await api(cache, "GET", `verdicts?rule=${rule}&n=200${query}`)).json()) as {
          verdicts: Told[];
        }
      ).verdicts.find(({ digest }) => digest === image.digest);
    expect(await list("")).toMatchObject({ severity: "critical", scanners: ["trivy"] });
    expect((await list(""))?.images[0]?.pulledAt).toBeDefined();
    expect(await list("&severity=critical&fixable")).toBeDefined();
  });

  it("that is clean is a verdict too, and is not listed from any severity on", async () => {
    const image = await pulled("clean");
    expect((await put(image.digest, trivyReport(image, []))).status).toBe(200);
    expect((await told(image.digest)).severity).toBeUndefined();
    const listed = async (query: string) => {
      const answer = await api(cache, "GET", `verdicts?rule=${rule}&n=200${query}`);
      const { verdicts } = (await answer.json()) as { verdicts: Told[] };
      return verdicts.some(({ digest }) => digest === image.digest);
    };
    expect(await listed("")).toBe(true);
    expect(await listed("&severity=unknown")).toBe(false);
  });

  it("replaces the same scanner's, and leaves another's: the worst counts", async () => {
    const image = await pulled("twice");
    await put(image.digest, trivyReport(image, [["CVE-2026-20", "CRITICAL"]]));
    await put(image.digest, grypeReport(image, [["CVE-2026-20", "Low", "2"]]));
    const both = await told(image.digest);
    expect(both.counts.critical).toEqual({ all: 1, fixable: 1 });
    expect(both.counts.low).toEqual({ all: 0, fixable: 0 });
    await put(image.digest, grypeReport(image));
    expect(await told(image.digest)).toMatchObject({
      severity: "critical",
      counts: { critical: { all: 1, fixable: 0 } },
      scanners: [{ scanner: "grype" }, { scanner: "trivy" }],
    });
    await put(image.digest, trivyReport(image, []));
    expect((await told(image.digest)).severity).toBeUndefined();
  });

  it("of two scanners at once is kept of both", async () => {
    const image = await pulled("at-once");
    const reports = [
      trivyReport(image, [["CVE-2026-30", "LOW"]]),
      grypeReport(image, [["CVE-2026-31", "High"]]),
    ];
    const answers = await Promise.all(reports.map((report) => put(image.digest, report)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    const { vulnerabilities } = await told(image.digest);
    expect(vulnerabilities.map(({ id }) => id)).toEqual(["CVE-2026-31", "CVE-2026-30"]);
  });

  it("is told as an event where the counts change, and not where they do not", async () => {
    const image = await pulled("told");
    for (let at = 0; at < 2; at++) await put(image.digest, trivyReport(image));
    expect(await changesOf(image.digest)).toEqual(["1 critical (1 fixable)"]);
    await put(image.digest, trivyReport(image, []));
    expect(await changesOf(image.digest)).toEqual(["1 critical (1 fixable)", "no vulnerabilities"]);
  });

  it("of a vulnerability that was found before has the time of then, in another image too", async () => {
    const id = `CVE-2026-${Math.floor(Math.random() * 1e9)}`;
    const [one, other] = [await pulled("first"), await pulled("second")];
    await put(one.digest, trivyReport(one, [[id, "HIGH"]]));
    await put(other.digest, grypeReport(other, [[id, "High"]]));
    const [first, second] = [await told(one.digest), await told(other.digest)];
    expect(second.vulnerabilities[0]?.firstSeen).toBe(first.vulnerabilities[0]?.firstSeen);
    expect(await store.getStored(one.digest as Digest)).toMatchObject({
      firstSeen: { [id]: Date.parse(first.vulnerabilities[0]?.firstSeen as string) },
    });
  });

  it("is counted by /metrics", async () => {
    const image = await pulled("counted");
    await put(image.digest, trivyReport(image));
    const response = await shutCache(variables).ask("https://cache.example/metrics", {
      headers: bearer(VIEWER),
    });
    const text = await response.text();
    expect(text).toMatch(/entrepot_scanned_images [1-9]/);
    expect(text).toMatch(/entrepot_vulnerable_images\{severity="critical"\} [1-9]/);
    expect(text).toMatch(/entrepot_vulnerabilities\{severity="critical",fixable="true"\} [1-9]/);
  });
});

describe("the image of a report", () => {
  it("is the platform whose config it names, where an index is given", async () => {
    const name = repository("platforms");
    const images = await Promise.all(
      ["amd64", "arm64"].map((architecture) =>
        fixture.image(name, undefined, {
          seed: `${name}-${architecture}`,
          platform: { os: "linux", architecture },
        }),
      ),
    );
    const index = await fixture.index(name, "1", images);
    await puller.bytes(`${rule}/${name}/manifests/1`);
    for (const image of images) await pullWhole(puller, `${rule}/${name}`, image.digest, image);
    await puller.settled();
    const arm = images[1] as Image;
    const response = await put(index.digest, trivyReport({ ...arm, digest: index.digest }));
    expect(((await response.json()) as Told).digest).toBe(arm.digest);
    expect((await told(arm.digest)).images[0]).toMatchObject({ tags: ["1"] });
    const sarif = JSON.stringify({
      version: "2.1.0",
      runs: [{ tool: { driver: { name: "Trivy" } }, results: [] }],
    });
    const [status, detail] = await problemOf(await put(index.digest, sarif));
    expect([status, detail]).toEqual([400, expect.stringContaining("is an index")]);
    expect((await put(arm.digest, sarif)).status).toBe(200);
    const other = { ...arm, config: { digest: `sha256:${"e".repeat(64)}` } };
    expect((await put(index.digest, trivyReport(other))).status).toBe(400);
  });

  it("must be the one that it names, and cached", async () => {
    const [image, other] = [await pulled("named"), await pulled("other")];
    const wrong = await problemOf(await put(image.digest, trivyReport(other)));
    expect(wrong).toEqual([400, expect.stringContaining("about another image")]);
    const harbor = JSON.stringify({
      artifact: { digest: other.digest },
      scanner: { name: "Clair" },
      vulnerabilities: [],
    });
    expect((await put(image.digest, harbor)).status).toBe(400);
    expect((await put(other.digest, harbor)).status).toBe(200);
    const nowhere = `sha256:${"f".repeat(64)}`;
    const unknown = await problemOf(await put(nowhere, trivyReport(image)));
    expect(unknown).toEqual([404, expect.stringContaining("is not cached")]);
    expect((await api(cache, "GET", `verdicts/${nowhere}`)).status).toBe(404);
    expect((await api(cache, "GET", "verdicts/latest")).status).toBe(400);
  });

  it("loses its verdict when its manifest is deleted", async () => {
    const image = await pulled("removed");
    await put(image.digest, trivyReport(image));
    expect(await store.getStored(image.digest as Digest)).toBeDefined();
    await openFills(bindings).removeManifest(image.digest as Digest);
    expect(await store.getStored(image.digest as Digest)).toBeUndefined();
  });
});

describe("a scanner's token", () => {
  let image: Image;
  beforeAll(async () => {
    image = await pulled("bound");
  });

  it.each(["SCANNER_TOKEN", "of SCANNERS"])("%s opens nothing else", async (which) => {
    const token = which === "SCANNER_TOKEN" ? SCANNER_TOKEN : ACME_TOKEN;
    const verdict = `verdicts/${image.digest}`;
    const others: [string, string][] = [
      ["GET", "verdicts"],
      ["GET", verdict],
      ["DELETE", `${verdict}?scanner=trivy`],
      ["POST", verdict],
      ["PUT", `${verdict}/x`],
      ["PUT", "verdicts"],
      ["PUT", "lifecycle/policies"],
      ["GET", "images"],
      ["GET", "openapi.json"],
    ];
    for (const [method, path] of others) {
      const { status } = await api(cache, method, path, undefined, bearer(token));
      expect([method, path, status]).toEqual([method, path, 401]);
    }
    const ask = (path: string) =>
      cache.ask(`https://cache.example${path}`, { headers: bearer(token) });
    expect((await ask("/metrics")).status).toBe(401);
    expect((await ask("/v2/")).status).toBe(401);
  });

  it("is refused where it is wrong, short, sent as Basic, or of another deployment", async () => {
    const report = trivyReport(image);
    for (const token of ["wrong-token-of-the-tests-01234567", SHORT, VIEWER])
      expect((await put(image.digest, report, token)).status).toBe(token === VIEWER ? 403 : 401);
    const headers = { Authorization: `Basic ${btoa(`scanner:${SCANNER_TOKEN}`)}` };
    const path = `https://cache.example/api/verdicts/${image.digest}`;
    const basic = await cache.ask(path, { method: "PUT", headers, body: report });
    expect(basic.status).toBe(401);
    const unset = shutCache({ RULES });
    expect((await put(image.digest, report, SCANNER_TOKEN, unset)).status).toBe(401);
  });

  it("that is bound to repositories reports on these alone, under its own name", async () => {
    const acme = await pulled("acme", repository("acme-app"));
    const refused = await problemOf(await put(image.digest, trivyReport(image), ACME_TOKEN));
    expect(refused).toEqual([403, expect.stringContaining("may not report on images")]);
    expect((await put(acme.digest, trivyReport(acme), ACME_TOKEN)).status).toBe(200);
    expect(await told(acme.digest)).toMatchObject({
      scanners: [{ scanner: "acme-scanner", by: "the scanner acme-scanner" }],
    });
    expect(await store.getStored(acme.digest as Digest)).toMatchObject({
      findings: [{ repositories: [`${rule}/acme-*`] }],
    });
  });

  it("that is bound to repositories learns nothing of others: where else an image is, who else reported, what is cached", async () => {
    const acme = await pulled("acme", repository("acme-shared"));
    const elsewhere = repository("elsewhere");
    const copy = await fixture.image(elsewhere, "1", { seed: acme.name });
    expect(copy.digest).toBe(acme.digest);
    await pullWhole(puller, `${rule}/${elsewhere}`, "1", copy);
    await puller.settled();
    await put(acme.digest, trivyReport(acme, [["CVE-2026-50", "CRITICAL"]]));
    const response = await put(
      acme.digest,
      trivyReport(acme, [["CVE-2026-51", "LOW"]]),
      ACME_TOKEN,
    );
    expect((await told(acme.digest)).images).toHaveLength(2);
    expect(await response.json()).toMatchObject({
      severity: "low",
      scanners: [{ scanner: "acme-scanner" }],
      vulnerabilities: [{ id: "CVE-2026-51" }],
      images: [{ name: `${rule}/${acme.name}` }],
    });
    const digest = `sha256:${"e".repeat(64)}`;
    const uncached = await problemOf(await put(digest, trivyReport(image), ACME_TOKEN));
    expect(uncached).toEqual(
      await problemOf(await put(image.digest, trivyReport(image), ACME_TOKEN)),
    );
  });

  it("clears nothing that another scanner has found, by whatever name the report has", async () => {
    const own = await pulled("acme", repository("acme-cleared"));
    await put(own.digest, trivyReport(own, [["CVE-2026-40", "CRITICAL"]]), ACME_TOKEN);
    const disguised = JSON.stringify({
      artifact: { digest: own.digest },
      scanner: { name: "acme-scanner" },
      vulnerabilities: [],
    });
    expect((await put(own.digest, disguised)).status).toBe(403);
    await put(own.digest, trivyReport(own, []));
    expect((await told(own.digest)).severity).toBe("critical");
  });
});

describe("a verdict is bounded", () => {
  const harborReport = (digest: string, scanner: string, vulnerabilities: object[] = []) =>
    JSON.stringify({ artifact: { digest }, scanner: { name: scanner }, vulnerabilities });

  it("in its number of scanners, of which each can still report again", async () => {
    const { digest } = await pulled("crowded");
    for (let number = 0; number < MAX_REPORTERS; number++)
      expect((await put(digest, harborReport(digest, `tool-${number}`))).status).toBe(200);
    expect(await problemOf(await put(digest, harborReport(digest, "one-more")))).toEqual([
      413,
      "32 scanners have reported on this image: an administrator can remove a report",
    ]);
    expect((await put(digest, harborReport(digest, "tool-1"))).status).toBe(200);
  });

  it("in its size over all scanners, and stays as it was", async () => {
    const { digest } = await pulled("large");
    const many = Array.from({ length: 15_000 }, (_, number) => ({
      id: `LARGE-${number}`,
      package: "x".repeat(199),
      version: "y".repeat(199),
    }));
    expect((await put(digest, harborReport(digest, "first", many))).status).toBe(200);
    expect(await problemOf(await put(digest, harborReport(digest, "second", many)))).toEqual([
      413,
      expect.stringMatching(/^the reports about this image would take more than \d+ bytes/),
    ]);
    expect((await store.getStored(digest as Digest))?.findings).toHaveLength(1);
  });
});

it("a report that cannot be read is refused with a sentence", async () => {
  const { digest } = await pulled("garbage");
  for (const [body, sentence] of [
    ["{", "not a JSON object"],
    ["{}", "in no known format"],
    [trivyReport({ digest, config: { digest } }, [["<script>", "HIGH"]]), "has no id"],
  ] as const)
    expect(await problemOf(await put(digest, body))).toEqual([
      400,
      expect.stringContaining(sentence),
    ]);
});

it("an administrator imports reports, which is audited, and removes a scanner's", async () => {
  const image = await pulled("imported");
  expect((await put(image.digest, trivyReport(image), ADMIN)).status).toBe(200);
  expect((await told(image.digest)).scanners).toMatchObject([{ by: "the admin token" }]);
  const audit = await (await api(cache, "GET", "audit?n=5")).text();
  expect(audit).toContain(`imported a report of trivy about ${image.digest}`);
  const drop = () => api(cache, "DELETE", `verdicts/${image.digest}?scanner=trivy`);
  expect((await drop()).status).toBe(200);
  expect((await drop()).status).toBe(404);
  expect((await api(cache, "GET", `verdicts/${image.digest}`)).status).toBe(404);
  expect((await changesOf(image.digest)).at(-1)).toBe("no report is left");
});

it("a deployment without the binding SCAN says so", async () => {
  const image = await pulled("unbound");
  const without = shutCache({ ...variables, SCAN: undefined });
  const [status, detail] = await problemOf(
    await put(image.digest, trivyReport(image), SCANNER_TOKEN, without),
  );
  expect([status, detail]).toEqual([503, expect.stringContaining("no binding SCAN")]);
});

it("the command line imports, lists, shows and removes", async () => {
  const entrepot = cliOf(cache);
  const image = await pulled("commanded");
  const { writeFileSync } = await import("node:fs");
  const file = "/tmp/report.json";
  writeFileSync(file, trivyReport(image));
  expect(await entrepot("verdicts", "import", file)).toMatchObject({
    code: 0,
    out: `imported: ${image.digest} has 1 critical (1 fixable)`,
  });
  writeFileSync(file, trivyReport(image, [], { Metadata: { ImageID: image.config.digest } }));
  expect((await entrepot("verdicts", "import", file)).err).toContain("give it with --digest");
  writeFileSync(file, "[]");
  expect((await entrepot("verdicts", "import", file)).err).toContain("not a JSON object");
  const { out } = await entrepot("verdicts", "list", "--severity", "high", "--rule", rule);
  expect(out).toContain(`${rule}/${image.name}:1`);
  const shown = await entrepot("verdicts", "show", image.digest);
  expect(shown.out).toMatch(/critical +CVE-2026-1 +openssl 1\.0 +2\.0 +trivy/);
  const removed = await entrepot("verdicts", "remove", image.digest, "--scanner", "trivy");
  expect(removed.out).toContain("removed the report of trivy");
});

it("the console shows them by severity, and on the page of the image", async () => {
  const browser = new Browser(cache);
  await browser.signIn(ADMIN);
  const image = await pulled("shown");
  await put(image.digest, trivyReport(image, [["CVE-2026-50", "HIGH", "9.9"]]));
  const words = async (path: string) => wordsOf(await browser.open(path));
  const list = await words("/vulnerabilities?severity=high&fixable=true");
  expect(list).toContain(`${rule}/${image.name}`);
  expect(list).toContain("1 high, 1 with a fix");
  const findings = await words(`/vulnerabilities/image?digest=${image.digest}`);
  expect(findings).toContain("CVE-2026-50");
  expect(findings).toContain("9.9");
  const reference = encodeURIComponent(`${rule}/${image.name}:1`);
  expect(await words(`/image?reference=${reference}`)).toContain("1 high, 1 with a fix");
  const other = await pulled("unscanned");
  const page = await words(`/image?reference=${encodeURIComponent(`${rule}/${other.name}:1`)}`);
  expect(page).toContain("not scanned");
});

it("the catalog remembers a bounded number of vulnerabilities: one beyond it has no grace period, and known ones keep theirs", async () => {
  const image = await pulled("flooded");
  await put(image.digest, trivyReport(image, [["CVE-2027-1", "HIGH"]]));
  const [before] = (await told(image.digest)).vulnerabilities;
  const inCatalog = (query: string) =>
    runInDurableObject(
      bindings.CATALOG.get(bindings.CATALOG.idFromName("catalog")),
      (_, { storage }) => storage.sql.exec(query).toArray(),
    );
  await inCatalog(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${MAX_KNOWN})
     INSERT INTO vulnerabilities SELECT 'FLOOD-' || i, 1 FROM n`,
  );
  const holes: Hole[] = [
    ["CVE-2027-1", "HIGH"],
    ["CVE-2027-2", "LOW"],
  ];
  expect((await put(image.digest, trivyReport(image, holes))).status).toBe(200);
  expect((await told(image.digest)).vulnerabilities).toMatchObject([
    { id: "CVE-2027-1", firstSeen: before?.firstSeen },
    { id: "CVE-2027-2", firstSeen: "1970-01-01T00:00:00.000Z" },
  ]);
  expect(await inCatalog("SELECT id FROM vulnerabilities WHERE id = 'CVE-2027-2'")).toEqual([]);
  await inCatalog("DELETE FROM vulnerabilities WHERE id LIKE 'FLOOD-%'");
});
