// Steps: one per aspect that decides about a pull. Pure.

import { isDigestDenied, isNameAllowed, isTagAllowed, speaksOfTags } from "../policy/allowed.ts";
import { freshnessOf, isImmutable } from "../policy/fresh.ts";
import type { Source } from "../policy/source.ts";
import type { ContentFact, Facts } from "./facts.ts";
import { list, short, words } from "./words.ts";

/** good: no obstacle. careful: works, with something to note. bad: the pull fails here. */
export type Mark = "good" | "careful" | "bad";

export const ABOUT = [
  "rule",
  "access",
  "lists",
  "tag",
  "content",
  "upstream",
  "history",
  "next",
] as const;

export interface Step {
  about: (typeof ABOUT)[number];
  mark: Mark;
  text: string;
}

export function step(about: Step["about"], mark: Mark, text: string): Step {
  return { about, mark, text };
}

export function accessStep({ target, tokens, issuers }: Facts, mode: "open" | "token"): Step {
  if (mode === "open") return step("access", "careful", "everybody may pull: AUTH is open");
  if (target.free) return step("access", "good", "everybody may pull it, without a token");
  const { networks = [], secretHosts = [] } = target.routed?.configured.rule ?? {};
  const names = tokens.map(({ name, id }) => `"${name}" (${id.slice(0, 8)})`);
  const ways = [
    ...(names.length > 0 ? [`the pull tokens ${list(names)}`] : []),
    ...(issuers.length > 0 ? [`tokens of ${list(issuers)} that meet the conditions`] : []),
    ...(networks.length > 0 ? [`whoever comes from ${list(networks)}`] : []),
    ...(secretHosts.length > 0 ? ["whoever knows the rule's secret host"] : []),
  ];
  if (ways.length === 0)
    return step("access", "bad", "nobody may pull it: no token's and no issuer's globs have it");
  return step("access", "good", `who may pull it: ${ways.join("; ")}`);
}

/** Why the rule refuses the pull; undefined if it does not. */
export function refusalOf(
  source: Source,
  { reference: { tag }, digest, quarantined }: Facts,
): string | undefined {
  if (tag === undefined && !isNameAllowed(source))
    return "the rule's allow and deny lists refuse the name";
  if (tag !== undefined && !isTagAllowed(source, tag))
    return `the rule's allow and deny lists refuse the tag "${tag}"`;
  if (digest && quarantined !== undefined)
    return `${short(digest)} is in quarantine: ${quarantined}`;
  if (digest && isDigestDenied(source.rule, digest)) return `denyDigests has ${short(digest)}`;
  return undefined;
}

export function listSteps(source: Source, { reference: { tag } }: Facts): Step[] {
  const { allow, deny, denyDigests, allowDigests } = source.rule;
  if (!allow && deny.length + denyDigests.length === 0) return [];
  if (tag === undefined && speaksOfTags(source) && !allowDigests) {
    const text =
      "the rule's lists tell tags apart: a digest is given where an allowed tag that was pulled here leads to it";
    return [step("lists", "careful", text)];
  }
  return [step("lists", "good", "the rule's lists allow it")];
}

export function tagSteps(
  { reference: { tag }, mapping, former, now }: Facts,
  source: Source,
): Step[] {
  if (tag === undefined) return [];
  if (!mapping)
    return [step("tag", "careful", `what the tag "${tag}" means was never checked here`)];
  const { digest, checkedAt, deleted } = mapping;
  const before =
    former.length > 0 ? `; before, it meant ${list(former.slice(0, 3).map(short))}` : "";
  if (deleted) {
    const text = `the upstream has the tag "${tag}" no more; it meant ${short(digest)}${before}`;
    return [step("tag", "careful", text)];
  }
  const freshness = isImmutable(source, tag) ? "immutable" : freshnessOf(mapping, source, tag, now);
  const meaning = {
    immutable: "never checked again (immutableTags)",
    fresh: `fresh for another ${words(checkedAt + source.rule.tagTtl - now)}`,
    passing: "past its time, answered at once and checked behind the answer",
    stale: "past its time, and checked before the answer",
  }[freshness];
  const mark = freshness === "stale" ? "careful" : "good";
  const text = `the tag "${tag}" means ${short(digest)}, as was checked ${words(now - checkedAt)} ago: ${meaning}${before}`;
  return [step("tag", mark, text)];
}

export function contentSteps({ digest, parts, linked }: Facts): Step[] {
  const [root, ...children] = parts;
  if (!digest || !root) return [];
  if (!root.here)
    return [step("content", "careful", `the manifest ${short(digest)} is not cached`)];
  const unknown = linked
    ? ""
    : "; that this repository has it is not known here, and the upstream is asked";
  if (children.length === 0) {
    const text = `the manifest ${short(digest)} is cached, with ${blobsOf(root)}${unknown}`;
    return [step("content", isWhole(root) && linked ? "good" : "careful", text)];
  }
  const platforms = children.map(
    (part) => `${part.platform ?? short(part.digest)}: ${part.here ? blobsOf(part) : "not cached"}`,
  );
  const beside = root.blobs.length > 0 ? `; beside them, ${blobsOf(root)}` : "";
  const text = `the index ${short(digest)} is cached; of its platforms, ${platforms.join("; ")}${beside}${unknown}`;
  return [step("content", children.some(isWhole) && linked ? "good" : "careful", text)];
}

function isWhole({ here, blobs }: ContentFact): boolean {
  return here && blobs.every((blob) => blob.here);
}

function blobsOf({ blobs }: ContentFact): string {
  const here = blobs.filter((blob) => blob.here).length;
  return here === blobs.length
    ? `all of its ${blobs.length} blobs`
    : `${here} of its ${blobs.length} blobs`;
}

export function upstreamSteps({ upstream, now }: Facts, { rule }: Source): Step[] {
  if (!upstream) return [];
  const { host } = rule.upstream;
  if (upstream.offline)
    return [step("upstream", "careful", `${host} is never asked: the rule is offline`)];
  const { budget } = upstream;
  const left =
    budget &&
    `${host} had ${budget.remaining} of ${budget.limit} pulls left ${words(now - budget.seenAt)} ago`;
  const budgets = left ? [step("upstream", "good", left)] : [];
  if (upstream.pauses.length === 0)
    return [step("upstream", "good", `${host} is asked where it has to be`), ...budgets];
  const pauses = upstream.pauses.map(({ of, until, error, count }) => {
    const what = {
      all: host,
      pulls: `${host}, as to manifests by GET,`,
      repository: `this repository at ${host}${count === 1 ? ", for the one identity that saw it fail," : ""}`,
      identities: `${host}, for ${count} of those who ask, who saw several names fail,`,
    }[of];
    const text = `${what} is left alone for another ${words(until - now)}: ${error.message}`;
    return step("upstream", "careful", text);
  });
  return [...pauses, ...budgets];
}

export function historySteps({ image, counts, now }: Facts): Step[] {
  const steps: Step[] = [];
  if (image) {
    const { pulledAt, unknownSince } = image;
    const pulled =
      pulledAt !== undefined
        ? `last pulled ${words(now - pulledAt)} ago`
        : unknownSince !== undefined
          ? `last pulled at a time that is not known, since the catalog was rebuilt ${words(now - unknownSince)} ago`
          : "never pulled since";
    const marked =
      image.expiredAt === undefined ? "" : `; it is marked for deletion: ${image.reason}`;
    const pinned = image.pinned ? "; a pin keeps it from expiring" : "";
    const text = `it was cached ${words(now - image.pushedAt)} ago, and ${pulled}${marked}${pinned}`;
    steps.push(step("history", marked ? "careful" : "good", text));
  }
  if (counts.length > 0) {
    const sum = (what: "pulls" | "hits" | "misses" | "stale" | "upstreamRequests") =>
      counts.reduce((total, one) => total + one[what], 0);
    const text = `in 7 days this repository had ${sum("pulls")} pulls: ${sum("hits")} answers came from the cache, ${sum("misses")} were fetched, ${sum("stale")} were past their time; the upstream was asked ${sum("upstreamRequests")} times`;
    steps.push(step("history", "good", text));
  }
  return steps;
}
