// API routes for held tags: which tags are kept at an older digest because the new one is too young, and the release of one.

import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { type HeldTagAnswer, held, heldQuery, heldRelease, heldReleased } from "../../api/held.ts";
import type { HeldTag } from "../../catalog/record/contract.ts";
import type { Config } from "../../config/read.ts";
import { minimumAgeFor, verdictOf } from "../../policy/age.ts";
import { visitorOf } from "../registry/registry-auth.ts";
import { timeOf } from "../shared/answers.ts";
import { textOf } from "../shared/body.ts";
import type { Admin } from "./admin.ts";
import { type ImageServices, sourceNamed } from "./image-named.ts";
import { nameOf } from "./place-names.ts";
import { ApiProblem, invalid } from "./problem.ts";
import { type Api, add, bodyIn } from "./routes.ts";

/** Maximum size of a request body, in bytes. */
const MAX_BODY = 4 * 1024;
/** How long a release lasts by default, in ms, if the digest is not old enough before. */
const RELEASE_DURATION = 30 * 24 * 60 * 60_000;

export function addHeld(api: Api, services: ImageServices, admin: Admin): void {
  const { catalog, pulls, config } = services;
  add(
    api,
    {
      method: "get",
      path: "/held",
      summary: "Lists tags that are kept at an older digest, or refused, by a rule's minimum age",
      query: heldQuery,
      answer: held,
    },
    async ({ n, cursor }) => {
      const after = cursor === undefined ? undefined : positionIn(cursor);
      const rows = await catalog.heldTags(after, n);
      const last = rows.length === n ? rows.at(-1) : undefined;
      return {
        held: rows.map((row) => heldAnswer(config(), row)),
        ...(last && { next: cursorOf(last) }),
      };
    },
  );

  add(
    api,
    {
      method: "post",
      path: "/held/release",
      summary: "Serves a held tag's new digest before it is old enough, until the release ends",
      body: heldRelease,
      answer: heldReleased,
      problems: [404, 409, 413, 429, 502, 503, 504],
    },
    async (_, context: Context) => {
      const { request, url, now } = visitorOf(context);
      const text = await textOf(context.req.raw, MAX_BODY, "a release");
      const given = bodyIn(text, heldRelease, "a release", "reference and reason");
      const end = given.until === undefined ? undefined : Date.parse(given.until);
      if (end !== undefined && end <= now) throw invalid("until: must be in the future");
      const named = sourceNamed(config(), given.reference, url.host);
      const { tag } = named.reference;
      const { source } = named;
      if (tag === undefined) throw invalid("reference: must have a tag; digests are never held");
      if (!minimumAgeFor(source, tag))
        throw new ApiProblem("conflict", `${named.text} has no minimum age`);
      const asking = { patience: source.rule.firstByteTimeout };
      const { mapping } = await pulls.fills.checkTag(source, tag, asking);
      const { digest } = mapping;
      if (given.digest !== undefined && given.digest !== digest) throw movedOn(named.text, digest);
      const verdict = verdictOf(mapping, source, tag, now);
      if (verdict.is === "passed")
        throw new ApiProblem("conflict", `${named.text} is not held: it serves ${digest}`);
      const old = verdict.is === "held" ? (verdict.hold.until ?? 0) : 0;
      const until = end ?? Math.max(old, now + RELEASE_DURATION);
      const who = admin.who(request);
      await admin.note(request, `released ${named.text} at ${digest} until ${timeOf(until)}`);
      const release = { who, reason: given.reason, at: now, until };
      if (!(await pulls.fills.releaseTag(source, tag, digest, release)))
        throw movedOn(named.text, "another digest");
      // Otherwise this isolate would hold it for some seconds more.
      pulls.tags.forget(source, tag, { host: url.host, now, later: visitorOf(context).later });
      return { reference: named.text, digest, who, until: timeOf(until) };
    },
  );
}

function movedOn(text: string, digest: string): ApiProblem {
  return new ApiProblem("conflict", `${text} means ${digest} by now: look at it again`);
}

function heldAnswer(config: Config, { place, tag, rule, hold }: HeldTag): HeldTagAnswer {
  const { accepted, candidate, since, until, moves } = hold;
  // Several rules may lead to the place: a release names the one that holds the tag.
  const rules = config.rules.filter((one) => one.rule.name === rule);
  const named = nameOf({ ...config, rules }, place) ?? nameOf(config, place);
  return {
    reference: `${named?.name ?? place}:${tag}`,
    rule,
    ...(accepted !== undefined && { serves: accepted }),
    candidate,
    since: timeOf(since),
    ...(until !== undefined && { until: timeOf(until) }),
    moves,
  };
}

function cursorOf({ place, tag, rule }: HeldTag): string {
  return btoa(JSON.stringify([place, tag, rule])).replaceAll("=", "");
}

const position = z.tuple([z.string(), z.string(), z.string()]);

function positionIn(cursor: string) {
  try {
    const [place, tag, rule] = position.parse(JSON.parse(atob(cursor)));
    return { place, tag, rule };
  } catch {
    throw invalid("cursor: does not belong to this list");
  }
}
