// Age of a pulled tag: which digest is served under the rule's minimum age, and how the answer says so.

import type { Digest } from "../oci/digest.ts";
import type { ErrorValue } from "../oci/error.ts";
import { type Hold, holdOf, minimumAgeFor, verdictOf } from "../policy/age.ts";
import type { TagMapping } from "../policy/fresh.ts";
import { pushTimesOf } from "../policy/push-times.ts";
import { ownName } from "../policy/source.ts";
import { type Finding, isAllowed } from "../policy/trust.ts";
import type { Pull } from "./pull.ts";
import type { RepositoryRequest } from "./request.ts";
import { inWords, type Labelled } from "./stale.ts";

/** The digest that a tag means here, with what is known of it. While the tag is held it is not the one that the upstream names. */
export type Meant = Pick<TagMapping, "digest" | "mediaType" | "size" | "proved">;

export interface AgedTag {
  meant: Meant;
  /** What the rule has against the digest, if it is too young and there is none to serve instead, or in report mode. */
  finding?: Finding;
  /** That an older digest is served. */
  label?: Pick<Labelled, "warning" | "heldUntil">;
}

type Request = Pick<RepositoryRequest, "source"> & {
  readonly pull: Pick<Pull, "now" | "allowances">;
  readonly tag: string;
};

/** @param unknownAge why the registry could not be asked when the tag was pushed */
export function agedTag(request: Request, mapping: TagMapping, unknownAge?: ErrorValue): AgedTag {
  const { source, tag, pull } = request;
  const minimum = minimumAgeFor(source, tag);
  if (!minimum || isAllowed(source.rule, mapping.digest, pull)) return { meant: mapping };
  const verdict = verdictOf(mapping, source, tag, pull.now);
  if (verdict.is === "passed") return { meant: mapping };
  const about = { check: "age", mode: minimum.mode } as const;
  if (verdict.is === "open" && !(verdict.lacks === "push time" && source.rule.offline)) {
    const message = unknownAge?.message ?? "the tag's age is not known yet";
    const wait = Number(unknownAge?.headers?.["Retry-After"]);
    const until = wait > 0 ? { until: pull.now + wait * 1000 } : {};
    return { meant: mapping, finding: { ...about, message, ...until, undecided: true } };
  }
  const hold = verdict.is === "held" ? verdict.hold : holdOf(mapping, minimum, pull.now);
  const { accepted, until } = hold;
  if (accepted === undefined || minimum.mode === "report") {
    const message = messageOf(request, hold, minimum.age);
    const finding = { ...about, message, ...(until !== undefined && { until }) };
    return { meant: mapping, finding };
  }
  const warning = `"${tag}" is held at an older digest: ${movedTo(hold)}${often(hold)}`;
  return { meant: { digest: accepted }, label: { warning, heldUntil: until ?? null } };
}

/** The refusal of a held tag whose older digest can no longer be had. */
export function withoutOld(request: Request, mapping: TagMapping, old: Digest): Finding {
  const { source, tag, pull } = request;
  const minimum = minimumAgeFor(source, tag);
  const verdict = verdictOf(mapping, source, tag, pull.now);
  const { host } = source.rule.upstream;
  const lost = `"${ownName(source)}:${tag}" is held at ${old}, which is not cached and which ${host} no longer has`;
  const hold = verdict.is === "held" ? verdict.hold : undefined;
  const more = hold ? `; ${movedTo(hold)}` : "";
  const message = `${lost}${more}. ${HOW_TO_RELEASE}`;
  const until = hold?.until === undefined ? {} : { until: hold.until };
  return { check: "age", mode: minimum?.mode ?? "enforce", message, ...until };
}

const HOW_TO_RELEASE =
  "An administrator can release it: entrepot held release REFERENCE --reason TEXT";

function messageOf({ source, tag }: Request, hold: Hold, age: number): string {
  const { rule } = source;
  const needs = `this rule serves a digest only once the tag was seen to mean it for ${inWords(age / 1000)}`;
  const isUnasked =
    rule.minimumAge?.first === "registry" && !pushTimesOf(rule) && hold.accepted === undefined;
  const unasked = isUnasked ? `, and ${rule.upstream.host} does not say when it was pushed` : "";
  return `"${ownName(source)}:${tag}" is too young: ${movedTo(hold)}; ${needs}${unasked}${often(hold)}. ${HOW_TO_RELEASE}`;
}

function movedTo({ candidate, since, until }: Hold): string {
  const end =
    until === undefined
      ? "the upstream has deleted the tag since"
      : `and is held until ${new Date(until).toISOString()}`;
  return `it has meant ${candidate} since ${new Date(since).toISOString()}, ${end}`;
}

function often({ moves }: Hold): string {
  return moves > 1 ? `; it moved ${moves} times within that time` : "";
}
