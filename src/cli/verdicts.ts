// `npm run entrepot -- verdicts import | list | show | remove`: what scanners have found in cached images.

import { Command } from "commander";
import type {
  DroppedVerdictAnswer,
  VerdictAnswer,
  VerdictSummaryAnswer,
  VerdictsAnswer,
} from "../api/verdicts.ts";
import { SEVERITIES } from "../config/severity.ts";
import { parseReport } from "../scanning/parse-report.ts";
import { InvalidReport } from "../scanning/report-parts.ts";
import { Complaint, openApi, textOf } from "./api.ts";
import { type Asking, asking, print, wholeNumber, withExamples } from "./command.ts";
import { some, tableOf, timeOf } from "./words.ts";

const DIGEST = "digest of a manifest: sha256:…";
const WORST_FIRST = SEVERITIES.toReversed();

export function verdictsCommand(): Command {
  const command = new Command("verdicts")
    .summary("show and import what vulnerability scanners found")
    .description("Show and import what vulnerability scanners found in cached images.")
    .addCommand(importCommand())
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(removeCommand());
  return withExamples(command, [
    "verdicts import report.json",
    "verdicts list --severity high --fixable",
    "verdicts show sha256:…",
  ]);
}

function importCommand(): Command {
  const command = new Command("import")
    .summary("import a report of trivy or grype")
    .description(
      "Import a report about a cached image: JSON of trivy or grype, or SARIF. It replaces the same tool's earlier report.",
    )
    .argument("<file>", "the report; - for standard input")
    .option(
      "--digest <digest>",
      "manifest that was scanned (default: the one that the report names)",
    );
  return asking(command, [
    "verdicts import report.json",
    "verdicts import report.sarif --digest sha256:…",
  ]).action(async (file: string, options: Asking & { digest?: string }) => {
    const text = textOf(file);
    const digest = options.digest ?? digestNamed(text);
    const path = `/api/verdicts/${encodeURIComponent(digest)}`;
    const answer = await openApi(options.url).ask<VerdictAnswer>("PUT", path, text);
    print(answer, options, () => [`imported: ${answer.digest} has ${wordsOf(answer)}`]);
  });
}

function digestNamed(text: string): string {
  try {
    const { manifests } = parseReport(text);
    const [digest] = manifests;
    if (digest !== undefined) return digest;
  } catch (error) {
    if (error instanceof InvalidReport) throw new Complaint(error.message);
    throw error;
  }
  throw new Complaint(
    "the report does not name the image's digest in its registry: give it with --digest sha256:…",
    2,
  );
}

function listCommand(): Command {
  const command = new Command("list")
    .summary("list cached images by their vulnerabilities")
    .description("List cached images that were scanned: worst first, then those pulled last.")
    .option("--severity <severity>", `least severity listed: ${WORST_FIRST.join(", ")}`)
    .option("--fixable", "count vulnerabilities with a fix alone")
    .option("--rule <name>", "images of one rule")
    .option("--n <count>", "number of images", wholeNumber, "50");
  return asking(command, ["verdicts list", "verdicts list --severity critical --fixable"]).action(
    async (options: Asking & { severity?: string; fixable?: true; rule?: string; n: string }) => {
      const query = new URLSearchParams({ n: options.n });
      for (const name of ["severity", "rule"] as const)
        if (options[name] !== undefined) query.set(name, options[name]);
      if (options.fixable) query.set("fixable", "true");
      const answer = await openApi(options.url).ask<VerdictsAnswer>(
        "GET",
        `/api/verdicts?${query}`,
      );
      print(answer, options, ({ verdicts }) =>
        verdicts.length === 0
          ? ["no scanned image matches"]
          : tableOf(["image", "vulnerabilities", "last pull", "digest"], verdicts.map(rowOf)),
      );
    },
  );
}

function rowOf(one: VerdictSummaryAnswer): string[] {
  const [image] = one.images;
  const name = image ? (image.name ?? image.place) : "not cached";
  const tags = image?.tags.length ? `:${image.tags.join(",")}` : "";
  const pulled = image?.pulledAt === undefined ? "-" : timeOf(image.pulledAt);
  return [name + tags, wordsOf(one), pulled, one.digest];
}

/** Such as `1 critical (1 fixable), 3 high`. */
function wordsOf({ counts }: Pick<VerdictSummaryAnswer, "counts">): string {
  const found = WORST_FIRST.flatMap((severity) => {
    const { all, fixable } = counts[severity];
    return all === 0 ? [] : [`${all} ${severity}${fixable > 0 ? ` (${fixable} fixable)` : ""}`];
  });
  return found.length > 0 ? found.join(", ") : "no vulnerabilities";
}

function showCommand(): Command {
  const command = new Command("show")
    .summary("show the vulnerabilities of an image")
    .description("Show what each scanner has found in an image, worst first.")
    .argument("<digest>", DIGEST);
  return asking(command, ["verdicts show sha256:…", "verdicts show sha256:… --json"]).action(
    async (digest: string, options: Asking) => {
      const path = `/api/verdicts/${encodeURIComponent(digest)}`;
      const answer = await openApi(options.url).ask<VerdictAnswer>("GET", path);
      print(answer, options, () => linesOf(answer));
    },
  );
}

function linesOf(answer: VerdictAnswer): string[] {
  const rows = answer.vulnerabilities.map((one) => [
    one.severity,
    one.id,
    `${one.package} ${one.version}`,
    one.fixedBy ?? (one.fixable === false ? "none" : "not known"),
    one.scanner,
    timeOf(one.firstSeen),
  ]);
  return [
    `${answer.digest}: ${wordsOf(answer)}`,
    ...answer.scanners.map(
      ({ scanner, scannedAt, by, found }) =>
        `  ${scanner}: scanned ${timeOf(scannedAt)}, reported by ${by}, ${some(found, "finding")}`,
    ),
    ...(rows.length > 0
      ? tableOf(["severity", "id", "package", "fixed by", "scanner", "first seen here"], rows)
      : []),
    ...(answer.leftOut > 0 ? [`and ${answer.leftOut} more`] : []),
  ];
}

function removeCommand(): Command {
  const command = new Command("remove")
    .summary("forget a scanner's report about an image")
    .description(
      "Forget a scanner's report about an image, such as one of a scanner no longer used.",
    )
    .argument("<digest>", DIGEST)
    .requiredOption("--scanner <name>", "the scanner (required)");
  return asking(command, [
    "verdicts remove sha256:… --scanner grype",
    "verdicts remove sha256:… --scanner grype --url https://mirror.example.com",
  ]).action(async (digest: string, options: Asking & { scanner: string }) => {
    const query = new URLSearchParams({ scanner: options.scanner });
    const path = `/api/verdicts/${encodeURIComponent(digest)}?${query}`;
    const answer = await openApi(options.url).ask<DroppedVerdictAnswer>("DELETE", path);
    print(answer, options, () => [`removed the report of ${answer.scanner} about ${digest}`]);
  });
}
