// API routes for verdicts about vulnerabilities: scanners report, administrators read and import.

import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import {
  dropped,
  dropQuery,
  scannerReport,
  verdict,
  verdicts,
  verdictsQuery,
} from "../../api/verdicts.ts";
import type { HeldBy } from "../../catalog/record/contract.ts";
import type { Config } from "../../config/read.ts";
import { type Digest, isDigest } from "../../oci/digest.ts";
import { RegistryError } from "../../oci/error.ts";
import { globMatcher } from "../../policy/glob.ts";
import type { Findings, Verdict } from "../../policy/verdict.ts";
import type { Report } from "../../scanning/contract.ts";
import type { OpenScans } from "../../scanning/open.ts";
import { MAX_REPORT, parseReport } from "../../scanning/parse-report.ts";
import { InvalidReport } from "../../scanning/report-parts.ts";
import { subjectOf } from "../../scanning/subject.ts";
import { visitorOf } from "../registry/registry-auth.ts";
import { textOf } from "../shared/body.ts";
import type { Probes } from "./about.ts";
import type { Admin } from "./admin.ts";
import type { ImageServices } from "./image-named.ts";
import { nameOf, rootOf } from "./place-names.ts";
import { ApiProblem, invalid } from "./problem.ts";
import type { Reporter, Reporters } from "./reporters.ts";
import { type Api, add } from "./routes.ts";
import { listedAnswer, verdictAnswer } from "./verdict-answers.ts";

export interface VerdictReader {
  getStored(digest: Digest): Promise<Verdict | undefined>;
}

type Services = ImageServices & { scans: OpenScans; verdicts: VerdictReader };

export function addVerdicts(
  api: Api,
  services: Services,
  reporters: Reporters,
  admin: Admin,
): void {
  const { catalog, config, scans } = services;
  const params = { digest: z.string() };
  const answer = async (digest: Digest, kept: Verdict) =>
    verdictAnswer(kept, await catalog.heldBy(digest), config());

  add(
    api,
    {
      method: "get",
      path: "/verdicts",
      summary: "Lists cached images by their vulnerabilities, worst first, then those pulled last",
      query: verdictsQuery,
      answer: verdicts,
    },
    async ({ severity, fixable, rule: wanted, n, after: skip = 0 }) => {
      const rules = config().rules.filter(({ rule }) => rule.name === wanted);
      if (wanted !== undefined && rules.length === 0)
        throw new ApiProblem("no-such-rule", `there is no rule "${wanted}"`);
      const roots = rules.map(({ rule }) => rootOf(rule));
      const least = severity && { severity };
      const rows = await catalog.verdicts({ ...least, fixable, roots, skip, limit: n });
      const listed = rows.map((row) => listedAnswer(row, config()));
      return { verdicts: listed, ...(rows.length === n && { next: skip + n }) };
    },
  );

  add(
    api,
    {
      method: "get",
      path: "/verdicts/{digest}",
      summary: "Returns what scanners have found in a manifest",
      params,
      answer: verdict,
      problems: [404],
    },
    async (_, { req }) => {
      const digest = digestIn(req.param("digest"));
      const kept = await services.verdicts.getStored(digest);
      if (kept) return answer(digest, kept);
      throw new ApiProblem("not-found", "no scanner has reported on this digest");
    },
  );

  add(
    api,
    {
      method: "put",
      path: "/verdicts/{digest}",
      summary:
        "Takes a scanner's report about a cached manifest, in place of its earlier one. SCANNER_TOKEN and the tokens of SCANNERS open this alone",
      params,
      body: scannerReport,
      answer: verdict,
      problems: [404, 413, 503],
    },
    async (_, context) => {
      const { raw } = context.req;
      const now = Date.now();
      const named = digestIn(context.req.param("digest"));
      const reporter = reporters.reporter(raw);
      const report = reportIn(await textOf(raw, MAX_REPORT, "a report"));
      // Before the manifest is looked for, too: whether other images are cached is not told.
      if (reporter) await expectBound(services, reporter, named);
      const digest = await subject(services, report, named, context);
      if (reporter) await expectBound(services, reporter, digest);
      else await admin.note(raw, `imported a report of ${report.tool} about ${digest}`);
      const findings: Findings = {
        scanner: scannerOf(report, reporter, services),
        scannedAt: Math.min(report.scannedAt ?? now, now),
        by: reporter?.who ?? admin.who(raw),
        ...(reporter?.repositories && { repositories: [...reporter.repositories] }),
        vulnerabilities: report.vulnerabilities,
      };
      const kept = await scans(digest).put(digest, findings, now);
      const heldBy = await catalog.heldBy(digest);
      if (!reporter?.repositories) return verdictAnswer(kept, heldBy, config());
      const own = {
        ...kept,
        findings: kept.findings.filter((one) => one.scanner === findings.scanner),
      };
      return verdictAnswer(own, boundIn(heldBy, reporter.repositories, config()), config());
    },
  );

  add(
    api,
    {
      method: "delete",
      path: "/verdicts/{digest}",
      summary: "Forgets a scanner's report about a manifest",
      params,
      query: dropQuery,
      answer: dropped,
      problems: [404, 503],
    },
    async ({ scanner }, { req }) => {
      const digest = digestIn(req.param("digest"));
      await admin.note(req.raw, `removed the report of ${scanner} about ${digest}`);
      if (await scans(digest).drop(digest, scanner, Date.now())) return { digest, scanner };
      throw new ApiProblem("not-found", `there is no report of ${scanner} about this digest`);
    },
  );
}

/** A digest that no image has. */
const NO_IMAGE: Digest = `sha256:${"0".repeat(64)}`;

/** The probe of the binding, which is needed only where reports are taken or a rule refuses by them.
 * @param variables the Worker's variables and secrets */
export function scanProbes(
  scans: OpenScans,
  { rules, scanners }: Config,
  variables: Readonly<Record<string, unknown>>,
): Probes {
  const isNeeded =
    Boolean(variables.SCANNER_TOKEN) ||
    scanners.length > 0 ||
    rules.some(({ rule }) => rule.vulnerabilities !== undefined);
  // A call that changes nothing, and that objects of every version have.
  const probe = async () => scans(NO_IMAGE).drop(NO_IMAGE, "", Date.now());
  return isNeeded ? { SCAN: probe } : {};
}

function digestIn(text: string | undefined): Digest {
  if (text !== undefined && isDigest(text)) return text;
  throw invalid("digest: must be a digest, such as sha256:… with 64 hexadecimal digits");
}

function reportIn(text: string): Report {
  try {
    return parseReport(text);
  } catch (error) {
    throw error instanceof InvalidReport ? invalid(error.message) : error;
  }
}

/** The manifest that the report is about. Throws `not-cached` (404), or `invalid-request` (400) for another image's report. */
async function subject(
  { pulls }: Services,
  report: Report,
  digest: Digest,
  context: Context,
): Promise<Digest> {
  const { url, now, later } = visitorOf(context);
  const visit = { host: url.host, now, later };
  const read = async (one: Digest) => (await pulls.manifests.get(one, visit))?.value.bytes;
  const bytes = await read(digest);
  if (!bytes)
    throw new ApiProblem("not-cached", `the manifest ${digest} is not cached: pull it first`);
  try {
    return await subjectOf(report, digest, bytes, read);
  } catch (error) {
    throw error instanceof InvalidReport ? invalid(error.message) : error;
  }
}

/** Throws DENIED (403) where the scanner's repositories do not hold the manifest. */
async function expectBound(
  { catalog, config }: Services,
  { repositories, who }: Reporter,
  digest: Digest,
): Promise<void> {
  if (!repositories) return;
  if (boundIn(await catalog.heldBy(digest), repositories, config()).length > 0) return;
  throw new RegistryError("DENIED", `${who} may not report on images of these repositories`);
}

/** The places whose name matches a glob: a scanner that is bound to these is told of no others. */
function boundIn(places: HeldBy[], globs: readonly string[], config: Config): HeldBy[] {
  return places.filter(({ place }) => {
    const name = nameOf(config, place)?.name;
    return name !== undefined && globs.some((glob) => globMatcher(glob)(name));
  });
}

/** The name that the report is kept under. A report by SCANNER_TOKEN replaces none of a scanner of SCANNERS. */
function scannerOf({ tool }: Report, reporter: Reporter | undefined, services: Services): string {
  if (reporter?.name !== undefined) return reporter.name;
  const isTaken = services.config().scanners.some(({ name }) => name === tool);
  if (!reporter || !isTaken) return tool;
  throw new RegistryError(
    "DENIED",
    `${tool} is a scanner of SCANNERS: its reports are taken with its own token`,
  );
}
