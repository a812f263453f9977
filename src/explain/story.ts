// Story: derives from the facts, step by step, how the next pull would be served. Pure.

import { RegistryError } from "../oci/error.ts";
import { freshnessOf, mayServeStale } from "../policy/fresh.ts";
import type { Source } from "../policy/source.ts";
import type { Facts } from "./facts.ts";
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
    const text = `no rule has the name "${reference.name}": it wants a rule's prefix, host or registry in front, or a default rule`;
    const end = { status: 404, text: "the next pull is answered 404 NAME_UNKNOWN" };
    return ended([step("rule", "bad", text), accessStep(facts, mode)], end);
  }
  const { rule, problem } = routed.configured;
  const source: Source = { rule, repository: routed.repository };
  const text = `the rule "${rule.name}" has it, as ${source.repository} at ${rule.upstream.host}`;
  const first = [step("rule", problem ? "bad" : "good", text), accessStep(facts, mode)];
  if (problem) return ended(first, { status: 500, text: `the rule cannot be used: ${problem}` });
  const refusal = refusalOf(source, facts);
  if (refusal) {
    const end = { status: 403, text: `the next pull is answered 403 DENIED` };
    const why = rule.denyReason ? `${refusal}; whoever asks is told: ${rule.denyReason}` : refusal;
    return ended([...first, step("lists", "bad", why)], end);
  }
  const more = [
    ...listSteps(source, facts),
    ...tagSteps(facts, source),
    ...contentSteps(facts),
    ...upstreamSteps(facts, source),
    ...historySteps(facts),
  ];
  return ended([...first, ...more], endOf(facts, source));
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
    text: `the next pull is answered from the cache${how}`,
  });
  if (reference.tag === undefined) {
    if (isHere && linked) return here(", and the upstream is not asked");
    const why = isHere ? "that this repository has it is not known here" : "it is not cached";
    return fetched(facts, source, why);
  }
  if (!mapping || (mapping.deleted && !rule.keepDeleted))
    return fetched(facts, source, "what the tag means is not known here");
  const freshness = freshnessOf(mapping, source, reference.tag, now);
  if (freshness !== "stale") {
    if (!isHere) return fetched(facts, source, "the tag is fresh, but its manifest is not cached");
    return here(
      freshness === "fresh" ? ", and the upstream is not asked" : ", and checked behind the answer",
    );
  }
  const pause = pauseOf(facts, "head");
  if (!upstream?.offline && !pause) {
    const text = `the next pull asks ${host} by HEAD what the tag means now; where that is the same, it is answered from ${isHere ? "the cache" : host}`;
    return { status: 200, text };
  }
  if (isHere && upstream?.offline) return here(", labelled as stale");
  const error = pause && new RegistryError(pause.error.code, pause.error.message, pause.error);
  if (isHere && error && mayServeStale(mapping.checkedAt, rule.tagTtl, rule, error, now))
    return here(", labelled as stale");
  const why = isHere ? "the tag is past its time, and past staleIfError" : "it is not cached";
  return fetched(facts, source, why);
}

/** The end of a pull that must ask the upstream for this reason. */
function fetched(facts: Facts, { rule }: Source, why: string): End {
  const { host } = rule.upstream;
  if (facts.upstream?.offline)
    return { status: 404, text: `the next pull is answered 404: ${why}, and the rule is offline` };
  const pause = pauseOf(facts, "get");
  if (!pause) return { status: 200, text: `the next pull is fetched from ${host}: ${why}` };
  const { status } = new RegistryError(pause.error.code, pause.error.message, pause.error);
  return {
    status,
    text: `the next pull is answered ${status}: ${why}, and ${host} is left alone`,
  };
}

/** The pause that prevents this request. A pause of pulls affects only manifest GETs; pauses of single identities do not
 * affect others. */
function pauseOf({ upstream }: Facts, how: "head" | "get") {
  return upstream?.pauses.find(
    ({ of }) => of !== "identities" && (how === "get" || of !== "pulls"),
  );
}
