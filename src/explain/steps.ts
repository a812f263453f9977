// Steps: one per aspect that decides about a pull. Pure.

import type { StoryAnswer } from "../api/explain.ts";
import { isDigestDenied, isNameAllowed, isTagAllowed, speaksOfTags } from "../policy/allowed.ts";
import { freshnessOf, isImmutable } from "../policy/fresh.ts";
import type { Source } from "../policy/source.ts";
import type { ContentFact, Facts } from "./facts.ts";
import { list, short, words } from "./words.ts";

export type Step = StoryAnswer["steps"][number];
type Mark = Step["mark"];

export function step(about: Step["about"], mark: Mark, text: string): Step {
  return { about, mark, text };
}

export function accessStep({ target, tokens, issuers }: Facts, mode: "open" | "token"): Step {
  if (mode === "open") return step("access", "careful", "anyone may pull: AUTH is open");
  if (target.free) return step("access", "good", "anyone may pull it, without a token");
  const { networks = [], secretHosts = [] } = target.routed?.configured.rule ?? {};
  const names = tokens.map(({ name, id }) => `"${name}" (${id.slice(0, 8)})`);
  const ways = [
    ...(names.length > 0 ? [`pull tokens ${list(names)}`] : []),
    ...(issuers.length > 0 ? [`tokens issued by ${list(issuers)} that meet the conditions`] : []),
    ...(networks.length > 0 ? [`clients from ${list(networks)}`] : []),
    ...(secretHosts.length > 0 ? ["clients that use the rule's secret host"] : []),
  ];
  if (ways.length === 0)
    return step("access", "bad", "no one may pull it: no pull token's or issuer's globs match it");
  return step("access", "good", `allowed to pull: ${ways.join("; ")}`);
}

/** Why the rule refuses the pull; undefined if it does not. */
export function refusalOf(
  source: Source,
  { reference: { tag }, digest, quarantined }: Facts,
): string | undefined {
  if (tag === undefined && !isNameAllowed(source))
    return "the rule's allow and deny lists exclude this repository";
  if (tag !== undefined && !isTagAllowed(source, tag))
    return `the rule's allow and deny lists exclude the tag "${tag}"`;
  if (digest && quarantined !== undefined)
    return `${short(digest)} is in quarantine: ${quarantined}`;
  if (digest && isDigestDenied(source.rule, digest)) return `denyDigests lists ${short(digest)}`;
  return undefined;
}

export function listSteps(source: Source, { reference: { tag } }: Facts): Step[] {
  const { allow, deny, denyDigests, allowDigests } = source.rule;
  if (!allow && deny.length + denyDigests.length === 0) return [];
  if (tag === undefined && speaksOfTags(source) && !allowDigests) {
    const text =
      "the rule's lists distinguish tags: a digest is served only if an allowed tag pulled through this cache leads to it";
    return [step("lists", "careful", text)];
  }
  return [step("lists", "good", "the rule's lists allow it")];
}

export function tagSteps(
  { reference: { tag }, mapping, former, now }: Facts,
  source: Source,
): Step[] {
  if (tag === undefined) return [];
  if (!mapping) return [step("tag", "careful", `the tag "${tag}" has never been resolved here`)];
  const { digest, checkedAt, deleted } = mapping;
  const before = former.length > 0 ? `; previously ${list(former.slice(0, 3).map(short))}` : "";
  if (deleted) {
    const text = `the upstream no longer has the tag "${tag}", which pointed to ${short(digest)}${before}`;
    return [step("tag", "careful", text)];
  }
  const freshness = isImmutable(source, tag) ? "immutable" : freshnessOf(mapping, source, tag, now);
  const meaning = {
    immutable: "never checked again (immutableTags)",
    fresh: `fresh for another ${words(checkedAt + source.rule.tagTtl - now)}`,
    passing: "past its TTL, served at once and revalidated in the background",
    stale: "past its TTL, revalidated before it is served",
  }[freshness];
  const mark = freshness === "stale" ? "careful" : "good";
  const text = `the tag "${tag}" points to ${short(digest)}, checked ${words(now - checkedAt)} ago: ${meaning}${before}`;
  return [step("tag", mark, text)];
}

export function contentSteps({ digest, parts, linked }: Facts): Step[] {
  const [root, ...children] = parts;
  if (!digest || !root) return [];
  if (!root.here)
    return [step("content", "careful", `the manifest ${short(digest)} is not cached`)];
  const unknown = linked ? "" : "; the upstream must first confirm that this repository has it";
  if (children.length === 0) {
    const text = `the manifest ${short(digest)} is cached, with ${blobsOf(root)}${unknown}`;
    return [step("content", isWhole(root) && linked ? "good" : "careful", text)];
  }
  const platforms = children.map(
    (part) => `${part.platform ?? short(part.digest)}: ${part.here ? blobsOf(part) : "not cached"}`,
  );
  const beside = root.blobs.length > 0 ? `; besides these, ${blobsOf(root)}` : "";
  const text = `the index ${short(digest)} is cached; platforms: ${platforms.join("; ")}${beside}${unknown}`;
  return [step("content", children.some(isWhole) && linked ? "good" : "careful", text)];
}

function isWhole({ here, blobs }: ContentFact): boolean {
  return here && blobs.every((blob) => blob.here);
}

function blobsOf({ blobs }: ContentFact): string {
  const here = blobs.filter((blob) => blob.here).length;
  return here === blobs.length ? `all ${blobs.length} blobs` : `${here} of ${blobs.length} blobs`;
}

export function upstreamSteps({ upstream, now }: Facts, { rule }: Source): Step[] {
  if (!upstream) return [];
  const { host } = rule.upstream;
  if (upstream.offline)
    return [step("upstream", "careful", `${host} is never contacted: the rule is offline`)];
  const { budget } = upstream;
  const left =
    budget &&
    `${host} reported ${budget.remaining} of ${budget.limit} pulls left ${words(now - budget.seenAt)} ago`;
  const budgets = left ? [step("upstream", "good", left)] : [];
  if (upstream.pauses.length === 0)
    return [step("upstream", "good", `${host} is contacted when needed`), ...budgets];
  const pauses = upstream.pauses.map(({ of, until, error, count }) => {
    const what = {
      all: `requests to ${host}`,
      pulls: `manifest GETs to ${host}`,
      repository: `requests to ${host} for this repository${count === 1 ? ", by the one client that saw it fail," : ""}`,
      identities: `requests to ${host} by ${count} clients that saw several names fail`,
    }[of];
    const text = `${what} are paused for another ${words(until - now)}: ${error.message}`;
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
          ? `last pulled at an unknown time, because the catalog was rebuilt ${words(now - unknownSince)} ago`
          : "never pulled";
    const marked = image.expiredAt === undefined ? "" : `; marked for deletion: ${image.reason}`;
    const pinned = image.pinned ? "; pinned, so it does not expire" : "";
    const text = `cached ${words(now - image.pushedAt)} ago, ${pulled}${marked}${pinned}`;
    steps.push(step("history", marked ? "careful" : "good", text));
  }
  if (counts.length > 0) {
    const sum = (what: "pulls" | "hits" | "misses" | "stale" | "upstreamRequests") =>
      counts.reduce((total, one) => total + one[what], 0);
    const text = `in the last 7 days this repository had ${sum("pulls")} pulls: ${sum("hits")} responses came from the cache, ${sum("misses")} were fetched, ${sum("stale")} were stale; ${sum("upstreamRequests")} requests went to the upstream`;
    steps.push(step("history", "good", text));
  }
  return steps;
}
