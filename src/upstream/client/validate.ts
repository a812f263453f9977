// validate: checks a rule by asking its upstream, with the rule's credentials, step by step, so that each failure can
// be named. It neither uses nor changes what is known of the upstream's health.

import type { Credentials } from "../../config/credentials.ts";
import { hintsOf } from "../../config/hints.ts";
import type { Rule } from "../../config/rule.ts";
import { parseUpstream } from "../../config/upstream.ts";
import { behindV2, pathOf, written } from "../../config/upstream-path.ts";
import { RegistryError } from "../../oci/error.ts";
import { UPSTREAM_ACCEPT } from "../../oci/manifest.ts";
import { plain } from "../../text/plain.ts";
import { Authorizer } from "../authorization/authorizer.ts";
import { type Challenge, challengeIn } from "../authorization/challenge.ts";
import { scopeOf } from "../authorization/scope.ts";
import { openSecrets, type Secrets } from "../authorization/secrets.ts";
import { readBudget } from "../health/limit.ts";
import { fetchFollowing } from "./redirect.ts";

const CHECKS = ["reach", "challenge", "credentials", "access", "image", "budget"] as const;

/** The result of one check. */
export interface Check {
  check: (typeof CHECKS)[number];
  good: boolean;
  /** Never contains any part of a credential. */
  text: string;
}

export interface Validation {
  valid: boolean;
  checks: Check[];
}

/** An image to try, by its name at the upstream. */
export interface Sample {
  repository: string;
  reference: string;
}

/** @param variables the environment, with the rule's secrets
 * @param now in ms since the epoch */
export async function validate(
  rule: Rule,
  variables: Readonly<Record<string, unknown>>,
  sample: Sample | undefined,
  now: number,
): Promise<Validation> {
  const checks: Check[] = [];
  const say: Say = (check, good, text) => void checks.push({ check, good, text: plain(text) });
  const keys = rule.credentials.length > 0 ? rule.credentials : [undefined];
  try {
    const challenge = await reach(rule, say);
    const run: Run = { rule, say, challenge, sample, secrets: openSecrets(variables), now };
    for (const key of keys) await withKey(run, key);
  } catch (error) {
    if (!(error instanceof ChecksEnded)) throw error;
  }
  return { valid: checks.every(({ good }) => good), checks };
}

/** Thrown after a failed check that makes the following ones pointless. */
class ChecksEnded extends Error {}

type Say = (check: Check["check"], good: boolean, text: string) => void;

/** A rule whose upstream answers, while its credentials are checked. */
interface Run {
  readonly rule: Rule;
  readonly say: Say;
  /** Undefined where the upstream requires no login. */
  readonly challenge: Challenge | undefined;
  readonly sample: Sample | undefined;
  readonly secrets: Secrets;
  /** In ms since the epoch. */
  readonly now: number;
}

/** Sends `GET /v2/` without credentials. Returns the challenge; undefined where none is needed. */
async function reach(rule: Rule, say: Say): Promise<Challenge | undefined> {
  const { host } = rule.upstream;
  const response = await tried({ rule, say }, "reach", "GET", { path: "/v2/" });
  const { status, headers } = response;
  if (!isRegistrys(response)) {
    const what = status === 200 ? "a page" : status;
    const elsewhere = await lookBehind(rule);
    const words = `${host} answered ${what} to GET /v2/, which is not a registry's answer`;
    say("reach", false, words + elsewhere);
    throw new ChecksEnded();
  }
  const path = pathOf(rule);
  const before = path === undefined ? "" : `, at ${path}/v2/: its path goes before /v2`;
  say("reach", true, `${host} answers as a registry${before}`);
  if (status === 200) {
    say("challenge", true, `${host} requires no login at /v2/`);
    return undefined;
  }
  const challenge = challengeIn(headers.get("www-authenticate"), true);
  if (!challenge) {
    const elsewhere = await lookBehind(rule);
    const words = `${host} asks for a login that is neither Bearer nor Basic${elsewhere}`;
    say("challenge", false, words);
    throw new ChecksEnded();
  }
  const realm = challenge.parameters.get("realm");
  const at = challenge.scheme === "bearer" ? `, at ${hostOf(realm)}` : "";
  say(
    "challenge",
    true,
    `${host} asks for ${challenge.scheme === "bearer" ? "Bearer" : "Basic"}${at}`,
  );
  return challenge;
}

/** Web applications answer every unknown path with 200 and a page: Harbor's portal does. */
function isRegistrys({ status, headers }: Response): boolean {
  const isPage = /^\s*(?:text\/html|application\/xhtml\+xml)\b/i.test(
    headers.get("content-type") ?? "",
  );
  return (status === 200 && !isPage) || status === 401;
}

/** Where no registry answers under the upstream's path: checks whether one does at `/v2/` of the host, with the path
 * behind it. Sends no secret. */
async function lookBehind(rule: Rule): Promise<string> {
  const behind = behindV2(rule);
  if (!behind) return "";
  const upstream = parseUpstream(behind.upstream, true);
  const answers = await ask({ ...rule, upstream }, "GET", { path: "/v2/" }).then(
    isRegistrys,
    () => false,
  );
  const words = `. The upstream's path goes before /v2: ${rule.upstream.base}/v2/ was asked`;
  return answers
    ? `${words}. A registry answers at ${upstream.base}/v2/: if "${behind.upstreamPrefix}" is a project there, as in Harbor or Google Artifact Registry, write ${written(behind)}`
    : `${words}. At ${upstream.base}/v2/ no registry answers either`;
}

async function withKey(run: Run, key: string | undefined): Promise<void> {
  const { rule, say, challenge, sample, now } = run;
  const whose = key === undefined ? "without credentials" : `with the secret ${key}`;
  const authorization = await authorized(run, key, whose);
  if (authorization === null) return;
  if (challenge && authorization !== undefined) {
    const { status } = await tried(run, "access", "GET", { path: "/v2/", authorization });
    if (status !== 200 && challenge.scheme === "basic")
      return say("access", false, `${rule.upstream.host} answered ${status} ${whose}`);
  }
  if (!sample) return;
  const { repository, reference } = sample;
  const path = `/v2/${repository}/manifests/${reference}`;
  const [method, { status, headers }] = await describedBy(run, { path, authorization });
  const words = `${rule.upstream.host} answered ${status} to ${method} of ${repository}:${reference}, ${whose}`;
  const why = status === 200 ? [] : hintsOf(rule);
  say("image", status === 200, [words, ...why].join("; "));
  const budget = status === 200 ? readBudget(headers, now) : undefined;
  if (budget) {
    const text = `${budget.remaining} of ${budget.limit} pulls are left, ${whose}`;
    say("budget", budget.remaining > rule.reservePulls, text);
  }
}

/** By HEAD; by GET where HEAD is refused or answers 404 (Nexus) and GET works, as pulls do there. */
async function describedBy(run: Run, image: Target): Promise<["HEAD" | "GET", Response]> {
  const head = await tried(run, "image", "HEAD", image);
  if (head.status < 300 || head.status >= 500 || head.status === 429) return ["HEAD", head];
  const get = await tried(run, "image", "GET", image);
  return get.status === 200 ? ["GET", get] : ["HEAD", head];
}

/** Undefined where none is needed; null where a failed check was recorded. */
async function authorized(
  { rule, say, challenge, sample, secrets }: Run,
  key: string | undefined,
  whose: string,
): Promise<string | undefined | null> {
  let credentials: Credentials | undefined;
  if (key !== undefined) {
    const read = secrets(rule, key);
    if ("problem" in read) {
      say("credentials", false, read.problem);
      return null;
    }
    credentials = read.credentials;
  }
  if (!challenge) return undefined;
  const scope = sample ? scopeOf(sample) : (challenge.parameters.get("scope") ?? "");
  try {
    const credential = { rule, key, credentials };
    const made = await new Authorizer().authorize(credential, { challenge, scope, kept: scope });
    if (made === undefined) {
      const words = `the challenge of ${rule.upstream.host} cannot be answered ${whose}`;
      say("credentials", false, words);
      return null;
    }
    say("credentials", true, `authorized ${whose}`);
    return made;
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    say("credentials", false, `${error.message}, ${whose}`);
    return null;
  }
}

/** What is asked of the upstream. */
interface Target {
  readonly path: string;
  readonly authorization?: string | undefined;
}

/** Records the check as failed where no answer comes. */
async function tried(
  { rule, say }: Pick<Run, "rule" | "say">,
  check: Check["check"],
  method: "GET" | "HEAD",
  target: Target,
): Promise<Response> {
  try {
    return await ask(rule, method, target);
  } catch (error) {
    say(check, false, (error as RegistryError).message);
    throw new ChecksEnded();
  }
}

/** Returns the answer without its body. Throws a RegistryError where there is none. */
async function ask(
  { upstream, firstByteTimeout }: Rule,
  method: "GET" | "HEAD",
  { path, authorization }: Target,
): Promise<Response> {
  const controller = new AbortController();
  const wanted = {
    url: upstream.base + path,
    method,
    headers: { Accept: UPSTREAM_ACCEPT },
    authorization,
  };
  const response = await fetchFollowing(wanted, upstream.host, firstByteTimeout, controller);
  controller.abort();
  return response;
}

function hostOf(realm: string | undefined): string {
  return realm !== undefined && URL.canParse(realm)
    ? plain(new URL(realm).host, 255)
    : "no usable address";
}
