// Story: derives from the facts, step by step, how the next pull would be served. Pure.

import { RegistryError } from "../oci/error.ts";
import { freshnessOf, mayServeStale } from "../policy/fresh.ts";
import type { Source } from "../policy/source.ts";
import { ageSteps, isRefusedByAge } from "./age.ts";
import type { Facts } from "./facts.ts";
import { signatureSteps } from "./signature-steps.ts";
import {
  accessStep,
  contentSteps,
  historySteps,
  listSteps,
  refusalOf,
  type Step,
  step,
  tagSteps,
  upstreamSteps,
} from "./steps.ts";
import { allowanceSteps, isDigestAllowed } from "./trust-steps.ts";
import { vulnerabilitySteps } from "./vulnerability-steps.ts";

export interface Story {
  /** Expected HTTP status of the next pull by an authorized client. */
  status: number;
  steps: Step[];
}

interface End {
  status: number;
  text: string;
}

export function tell(facts: Facts, mode: "open" | "token"): Story {
  const { target, reference } = facts;
  const { routed } = target;
  if (!routed) {
    const text = `no rule matches the name "${reference.name}": it needs a rule's prefix, host or registry in front, or a default rule`;
    const end = { status: 404, text: "the next pull returns 404 NAME_UNKNOWN" };
    return ended([step("rule", "bad", text), accessStep(facts, mode)], end);
  }
  const { rule, problem } = routed.configured;
  const source: Source = { rule, repository: routed.repository };
  const text = `the rule "${rule.name}" maps it to ${source.repository} at ${rule.upstream.host}`;
  const first = [step("rule", problem ? "bad" : "good", text), accessStep(facts, mode)];
  if (problem) return ended(first, { status: 500, text: `the rule cannot be used: ${problem}` });
  const refusal = refusalOf(source, facts);
  if (refusal) {
    const end = { status: 403, text: "the next pull returns 403 DENIED" };
    const why = rule.denyReason ? `${refusal}; clients are told: ${rule.denyReason}` : refusal;
    return ended([...first, step("lists", "bad", why)], end);
  }
  const more = [
    ...listSteps(source, facts),
    ...tagSteps(facts, source),
    ...allowanceSteps(facts, source),
    ...ageSteps(facts, source),
    ...contentSteps(facts),
    ...signatureSteps(facts, source),
    ...vulnerabilitySteps(facts, source),
    ...upstreamSteps(facts, source),
    ...historySteps(facts),
  ];
  if (isRefusedByAge(facts, source)) {
    const end = { status: 403, text: "the next pull returns 403 DENIED: the tag is too young" };
    return ended([...first, ...more], end);
  }
  const isRefused = more.some(
    ({ about, mark }) => ["signature", "vulnerabilities"].includes(about) && mark === "bad",
  );
  const denied = { status: 403, text: "the next pull returns 403 DENIED" };
  return ended([...first, ...more], isRefused ? denied : signedEnd(facts, source));
}

/** The end of a pull that is not refused by what is known; a signature that the rule enforces may still have to be found. */
function signedEnd(facts: Facts, source: Source): End {
  const end = endOf(facts, source);
  const { signature } = facts;
  const isOpen =
    signature?.mode === "enforce" && !signature.kept && !isDigestAllowed(facts, source);
  if (!isOpen || end.status >= 400) return end;
  return {
    ...end,
    text: `${end.text}, if its signature is found: otherwise it returns 403 DENIED`,
  };
}

function ended(steps: Step[], { status, text }: End): Story {
  return { status, steps: [...steps, step("next", status < 400 ? "good" : "bad", text)] };
}

function endOf(facts: Facts, source: Source): End {
  const { reference, mapping, parts, upstream, now, linked } = facts;
  const { rule } = source;
  const { host } = rule.upstream;
  const isHere = parts[0]?.here === true;
  const here = (how: string): End => ({
    status: 200,
    text: `the next pull is served from the cache${how}`,
  });
  if (reference.tag === undefined) {
    if (isHere && linked) return here(" without contacting the upstream");
    const why = isHere
      ? "the upstream must first confirm that this repository has it"
      : "it is not cached";
    return fetched(facts, source, why);
  }
  if (!mapping || (mapping.deleted && !rule.keepDeleted))
    return fetched(facts, source, "the tag is not known here");
  const freshness = freshnessOf(mapping, source, reference.tag, now);
  if (freshness !== "stale") {
    if (!isHere) return fetched(facts, source, "the tag is fresh, but its manifest is not cached");
    return here(
      freshness === "fresh"
        ? " without contacting the upstream"
        : " and revalidated in the background",
    );
  }
  const pause = pauseOf(facts, "head");
  if (!upstream?.offline && !pause) {
    const text = `the next pull checks the tag at ${host} by HEAD; if it is unchanged, the image is served from ${isHere ? "the cache" : host}`;
    return { status: 200, text };
  }
  if (isHere && upstream?.offline) return here(", marked as stale");
  const error = pause && new RegistryError(pause.error.code, pause.error.message, pause.error);
  if (isHere && error && mayServeStale(mapping.checkedAt + rule.tagTtl, rule, error, now))
    return here(", marked as stale");
  const why = isHere ? "the tag is past its TTL and past staleIfError" : "it is not cached";
  return fetched(facts, source, why);
}

/** The end of a pull that must ask the upstream for this reason. */
function fetched(facts: Facts, { rule }: Source, why: string): End {
  const { host } = rule.upstream;
  if (facts.upstream?.offline)
    return { status: 404, text: `the next pull returns 404: ${why}, and the rule is offline` };
  const pause = pauseOf(facts, "get");
  if (!pause) return { status: 200, text: `the next pull is fetched from ${host}: ${why}` };
  const { status } = new RegistryError(pause.error.code, pause.error.message, pause.error);
  return {
    status,
    text: `the next pull returns ${status}: ${why}, and requests to ${host} are paused`,
  };
}

/** The pause that prevents this request. A pause of pulls affects only manifest GETs; pauses of single identities do not
 * affect others. */
function pauseOf({ upstream }: Facts, how: "head" | "get") {
  return upstream?.pauses.find(
    ({ of }) => of !== "identities" && (how === "get" || of !== "pulls"),
  );
}
