// The official OCI conformance suite: built with Go where that is installed, configured by its environment, and read from
// its JUnit report.

import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isInstalled, run } from "./command.ts";
import { Skip } from "./report.ts";

const MODULE = "github.com/opencontainers/distribution-spec/conformance";
/** The newest of August 2026. */
const VERSION = "v0.0.0-20260831232431-97274622c111";
/** Where the program, and what Go has fetched and built for it, are kept between runs. */
const KEPT = join(tmpdir(), "entrepot-clients", "go");
/** In ms, of fetching and building, the first time. */
const BUILD_TIMEOUT = 300_000;
/** In ms, of one run of the suite: some 20 s on two cores that have nothing else to do. */
const RUN_TIMEOUT = 180_000;

/** Test by name (several have the same one) → what became of each. */
export type Results = Map<string, Outcome[]>;

export interface Outcome {
  /** Neither failed, nor skipped as unsupported or disabled. */
  passed: boolean;
  /** The suite's own words. */
  reason: string;
}

/** The program; throws Skip where it cannot be had. */
export async function buildSuite(): Promise<string> {
  const program = join(KEPT, VERSION, "conformance");
  if (await exists(program)) return program;
  if (!isInstalled("go")) throw new Skip("go is not on PATH");
  await mkdir(join(KEPT, VERSION), { recursive: true });
  const env = {
    GOPATH: join(KEPT, "path"),
    GOCACHE: join(KEPT, "cache"),
    GOBIN: join(KEPT, "bin"),
    GOFLAGS: "-buildvcs=false -modcacherw",
    GOTOOLCHAIN: "local",
    CGO_ENABLED: "0",
  };
  try {
    await run("go", ["install", `${MODULE}@${VERSION}`], { env, timeout: BUILD_TIMEOUT });
  } catch (error) {
    throw new Skip(`it cannot be built here: ${(error as Error).message}`);
  }
  // Only a build that has ended is found by the next run.
  await rename(join(KEPT, "bin", "conformance"), program);
  return program;
}

/** @param registry address
 * @param namespace of the repositories that it makes
 * @param folder for its report */
export async function runSuite(
  program: string,
  registry: string,
  namespace: string,
  folder: string,
): Promise<Results> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const file = join(folder, "oci-conformance.yaml");
  const config = {
    registry,
    tls: "disabled",
    repo1: `${namespace}/repo1`,
    repo2: `${namespace}/repo2`,
    resultsDir: folder,
    logging: "error",
    // A cache serves what it holds after the upstream has deleted it: that a digest is gone is no promise of ours.
    apis: { blobs: { atomic: false }, manifests: { atomic: false } },
  };
  await writeFile(file, JSON.stringify(config)); // JSON is YAML
  const env = { OCI_CONFIGURATION: file };
  // It ends with 1 when any test fails; the report says which.
  const said = await run(program, [], { env, timeout: RUN_TIMEOUT }).catch((e: Error) => e);
  const report = await readFile(join(folder, "junit.xml"), "utf8").catch(() => {
    throw said instanceof Error ? said : new Error(`there is no report:\n${said.output}`);
  });
  return readReport(report);
}

function readReport(xml: string): Results {
  const results: Results = new Map();
  for (const [, head = "", body = ""] of xml.matchAll(
    /<testcase ([^>]*?)(?:\/>|>(.*?)<\/testcase>)/gs,
  )) {
    const attribute = (name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(head)?.[1] ?? "";
    const status = attribute("status");
    const reason = /<system-out>(.*?)<\/system-out>/s.exec(body)?.[1] ?? "";
    const outcome = { passed: status === "passed", reason };
    const name = attribute("name");
    results.set(name, [...(results.get(name) ?? []), outcome]);
  }
  return results;
}

const exists = (file: string) =>
  stat(file).then(
    () => true,
    () => false,
  );
