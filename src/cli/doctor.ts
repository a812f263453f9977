// `npm run entrepot -- doctor`: checks a cache from outside and through its API, and pulls an image twice.

import { Command } from "commander";
import type { AboutAnswer } from "../api/about.ts";
import type { RunsAnswer } from "../api/lifecycle.ts";
import type { RulesAnswer, ValidationAnswer } from "../api/rules.ts";
import type { CreatedTokenAnswer } from "../api/tokens.ts";
import { alpineIn } from "../config/docker-hub.ts";
import { isLoopback } from "../config/upstream.ts";
import { VERSION } from "../config/version.ts";
import { type Api, Complaint, openApi } from "./api.ts";
import { type Asking, asking, print } from "./command.ts";
import { say as sayLine } from "./lines.ts";
import { webhookFindings } from "./webhook-findings.ts";
import { SIGNS, sizeOf, some } from "./words.ts";

const ACCEPT = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");
/** Maximum clock difference, in ms: with more, new tokens are not yet valid or already expired. */
const MAX_SKEW = 60_000;
const TWO_HOURS = 2 * 60 * 60_000;

type Mark = keyof typeof SIGNS;
type Say = (mark: Mark, text: string) => void;

interface Options extends Asking {
  image?: string;
  skipValidate?: boolean;
}

export function doctorCommand(): Command {
  const command = new Command("doctor")
    .summary("check a cache, and pull an image")
    .description(
      "Check a cache from outside and through its API: its configuration, its rules and their upstreams, and its sweeps. Then pull an image twice, with a temporary pull token if the cache needs one. Exits with 1 if a check fails.",
    )
    .option(
      "--image <image>",
      "image to pull (default: library/alpine of Docker Hub, if a rule leads there)",
    )
    .option("--skip-validate", "do not contact the upstreams of the rules");
  return asking(
    command,
    [
      "doctor",
      "doctor --url https://mirror.example.com",
      "doctor --image quay.io/prometheus/busybox:latest --skip-validate",
    ],
    "print all findings as JSON at the end",
  ).action(doctor);
}

async function doctor(options: Options): Promise<void> {
  const api = openApi(options.url);
  const findings: { mark: Mark; text: string }[] = [];
  const say: Say = (mark, text) => {
    findings.push({ mark, text });
    if (!options.json) sayLine(`${SIGNS[mark]} ${text}`);
  };
  try {
    await examine(api, options, say);
  } catch (error) {
    if (!(error instanceof Complaint)) throw error;
    say("bad", error.message);
  }
  const good = findings.every(({ mark }) => mark !== "bad");
  if (!good) process.exitCode = 1;
  print({ url: api.url.origin, good, findings }, options, () => []);
}

async function examine(api: Api, options: Options, say: Say): Promise<void> {
  await outside(api.url, say);
  const about = await api.ask<AboutAnswer>("GET", "/api/about");
  inside(about, api.url, say);
  await sweeps(api, say);
  for (const [mark, text] of await webhookFindings(api, about)) say(mark, text);
  if (!options.skipValidate) await rules(api, say);
  await pull(api, about, options.image, say);
}

/** Checks that need no authentication. */
async function outside(url: URL, say: Say): Promise<void> {
  const began = performance.now();
  const response = await fetch(`${url.origin}/v2/`).catch((error: Error) => {
    const cause = (error.cause as Error | undefined)?.message ?? error.message;
    throw new Complaint(`cannot connect to ${url.origin}: ${cause}`);
  });
  await response.body?.cancel();
  const time = Math.round(performance.now() - began);
  const { status, headers } = response;
  if (!headers.has("docker-distribution-api-version"))
    throw new Complaint(`${url.origin} answers ${status} and is not a registry`);
  if (status >= 500) say("bad", `${url.origin} answers ${status}: its configuration is not usable`);
  else say("good", `${url.origin} answers as a registry: status ${status} in ${time} ms`);
  const isHere = isLoopback(url.hostname);
  if (url.protocol === "http:" && !isHere)
    say("bad", "connected over http://: tokens can be read in transit");
  if (url.hostname.endsWith(".workers.dev"))
    say("careful", "workers.dev has no edge cache: use a custom domain");
  const skew = Date.parse(headers.get("date") ?? "") - Date.now();
  if (Math.abs(skew) > MAX_SKEW)
    say(
      "bad",
      `its clock and this machine's differ by ${Math.round(skew / 1000)} s: tokens will not be valid`,
    );
}

/** Checks of the configuration. */
function inside(about: AboutAnswer, url: URL, say: Say): void {
  const { auth, limits, offline, rules, problems, version, bindings, trustedRoot } = about;
  const here =
    version === VERSION ? "" : `, but this command line is version ${VERSION}: update one of them`;
  say(here === "" ? "good" : "careful", `version ${version}${here}`);
  const silent = bindings.filter(({ good }) => !good);
  if (silent.length === 0)
    say("good", `bindings answer: ${bindings.map(({ name }) => name).join(", ")}`);
  for (const { name, problem } of silent) say("bad", `the binding ${name} fails: ${problem}`);
  if (auth.mode === "token") {
    const others = auth.issuers.length > 0 ? ` or a token of ${auth.issuers.join(", ")}` : "";
    say("good", `pulls need a pull token${others}`);
  } else if (isLoopback(url.hostname))
    say("careful", "pulls need no authentication; only this machine can reach it");
  else say("bad", "pulls need no authentication, and anyone can reach it: set AUTH");
  if (auth.mode === "token" && !(limits.logins && limits.requests))
    say(
      "careful",
      "the rate limiting binding LOGINS or REQUESTS is missing: rates are not limited",
    );
  if (trustedRoot)
    say(
      trustedRoot.endsSoon ? "careful" : "good",
      `the trusted root of keyless signatures ends on ${trustedRoot.ends.slice(0, 10)}${trustedRoot.endsSoon ? ": renew it with npm run entrepot -- trust update, and deploy" : ""}`,
    );
  if (offline) say("careful", "OFFLINE is set: no upstream is contacted");
  say(
    problems.length > 0 ? "bad" : "good",
    `${some(rules, "rule")}, ${problems.length} not usable`,
  );
  for (const { rule, problem } of problems) say("bad", `  ${rule}: ${problem}`);
}

/** Checks that the cron runs. */
async function sweeps(api: Api, say: Say): Promise<void> {
  const { runs } = await api.ask<RunsAnswer>("GET", "/api/lifecycle/runs?n=2");
  const running = runs.find(({ endedAt }) => endedAt === undefined);
  const ended = runs.find(({ endedAt }) => endedAt !== undefined);
  const error = running?.error ?? ended?.error;
  if (error !== undefined) return say("bad", `the last sweep failed at ${error}`);
  const sinceEnd = Date.now() - Date.parse(ended?.endedAt ?? "");
  if (sinceEnd <= TWO_HOURS) return say("good", `the last sweep ended ${minutes(sinceEnd)} ago`);
  const sinceStart = Date.now() - Date.parse(running?.startedAt ?? "");
  if (sinceStart <= TWO_HOURS)
    return say("good", `a sweep is running; it started ${minutes(sinceStart)} ago`);
  say("careful", "no sweep has ended in the last two hours; the cron should run hourly");
}

function minutes(time: number): string {
  return `${Math.round(time / 60_000)} min`;
}

async function rules(api: Api, say: Say): Promise<void> {
  const all = await api.ask<RulesAnswer>("GET", "/api/rules");
  for (const { name, offline } of all.rules) {
    if (offline) continue;
    const query = new URLSearchParams({ rule: name });
    const validation = await api.ask<ValidationAnswer>("POST", `/api/rules/validate?${query}`);
    const wrong = validation.checks.filter(({ good }) => !good).map(({ text }) => text);
    say(
      validation.valid ? "good" : "bad",
      `rule ${name}: ${validation.valid ? "its upstream accepts it" : wrong.join("; ")}`,
    );
  }
}

/** Pulls an image twice, with a temporary token when the cache needs one. */
async function pull(
  api: Api,
  about: AboutAnswer,
  given: string | undefined,
  say: Say,
): Promise<void> {
  const image = given ?? alpineIn((await api.ask<RulesAnswer>("GET", "/api/rules")).rules);
  if (image === undefined) return say("careful", "nothing was pulled; give an image with --image");
  const [, name = "", tag = "latest"] = /^(.*?)(?::([\w.-]+))?$/.exec(image) ?? [];
  const body = JSON.stringify({ name: "doctor", repositories: [name], expiry: "10m" });
  const token =
    about.auth.mode === "token"
      ? await api.ask<CreatedTokenAnswer>("POST", "/api/tokens", body)
      : undefined;
  try {
    for (const state of ["first", "second"]) {
      const { bytes, time, statuses } = await pullOnce(api.url, name, tag, token?.token);
      say("good", `${image}, ${state} pull: ${sizeOf(bytes)} in ${time} ms (${statuses})`);
    }
  } catch (error) {
    if (!(error instanceof Complaint)) throw error;
    say("bad", error.message);
  } finally {
    if (token) await api.ask("DELETE", `/api/tokens/${token.id}`);
  }
}

interface Manifest {
  manifests?: { digest: string; platform?: { architecture?: string; os?: string } }[];
  config?: { digest: string };
  layers?: { digest: string }[];
}

/** Pulls manifests, config and layers of the image for linux/amd64, or of the first platform. */
async function pullOnce(url: URL, name: string, tag: string, token: string | undefined) {
  const began = performance.now();
  const statuses = new Map<string, number>();
  let bytes = 0;
  const get = async (path: string): Promise<Buffer> => {
    const response = await fetch(`${url.origin}/v2/${name}/${path}`, {
      headers: { Accept: ACCEPT, ...(token && { Authorization: `Bearer ${token}` }) },
    });
    const body = Buffer.from(await response.arrayBuffer());
    if (!response.ok)
      throw new Complaint(
        `${name}/${path} answered ${response.status}: ${body.toString().slice(0, 300)}`,
      );
    const status = response.headers.get("cache-status") ?? "no Cache-Status";
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    bytes += body.length;
    return body;
  };
  let manifest = JSON.parse((await get(`manifests/${tag}`)).toString()) as Manifest;
  const children = manifest.manifests ?? [];
  const child = children.find(({ platform }) => platform?.architecture === "amd64") ?? children[0];
  if (child) {
    // A child without a platform may be a blob, as in BuildKit's cache.
    const body = await get(`manifests/${child.digest}`).catch((error) => {
      if (child.platform) throw error;
    });
    manifest = body ? (JSON.parse(body.toString()) as Manifest) : { layers: children };
  }
  const blobs = [manifest.config, ...(manifest.layers ?? [])].flatMap((blob) => blob?.digest ?? []);
  for (const digest of blobs) await get(`blobs/${digest}`);
  const summary = [...statuses].map(([status, count]) => `${count} × ${status}`).join(", ");
  return { bytes, time: Math.round(performance.now() - began), statuses: summary };
}
