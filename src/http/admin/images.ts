// API route that asks the upstream for a tag's digest at once.

import type { Context } from "hono";
import type { AccessSnapshot } from "../../access/access-snapshot.ts";
import { refreshed, refreshQuery } from "../../api/images.ts";
import { parseReference } from "../../oci/reference.ts";
import { routeFull, usableSourceOf } from "../../policy/route.ts";
import { type Refreshed, refresh } from "../../pull/refresh.ts";
import { visitorOf } from "../registry/registry-auth.ts";
import { timeOf } from "../shared/answers.ts";
import { type ImageServices, noRule } from "./image-named.ts";
import { invalid } from "./problem.ts";
import { type Api, add, type Note } from "./routes.ts";

export function addImages(
  api: Api,
  { pulls, config }: Pick<ImageServices, "pulls" | "config">,
  snapshot: Pick<AccessSnapshot, "quarantined" | "allowances">,
  note: Note,
): void {
  add(
    api,
    {
      method: "post",
      path: "/images/refresh",
      summary: "Asks the registry for a tag's digest now, and stores its manifest",
      query: refreshQuery,
      answer: refreshed,
      problems: [404, 429, 502, 503, 504],
    },
    async ({ reference: text }, context: Context) => {
      const visitor = visitorOf(context);
      const { host } = visitor.url;
      const { name, tag } = parseReference(text, host);
      if (tag === undefined)
        throw invalid("reference: must have a tag; what a digest names never changes");
      const routed = routeFull(config().rules, name);
      if (!routed) throw noRule(name);
      const source = usableSourceOf(routed);
      const { now, later } = visitor;
      await note(context.req.raw, `refreshed ${name}:${tag}`);
      const quarantined = await snapshot.quarantined(now, later);
      const allowances = await snapshot.allowances(now, later);
      const visit = { host, now, later, quarantined, allowances };
      const done = await refresh(pulls, source, tag, visit);
      const moved = done.before !== undefined && done.before !== done.digest;
      const { held, ...rest } = done;
      return {
        reference: `${name}:${tag}`,
        ...rest,
        moved,
        ...(held && { held: heldAnswer(held) }),
      };
    },
  );
}

function heldAnswer({ accepted, until }: NonNullable<Refreshed["held"]>) {
  return {
    ...(accepted !== undefined && { serves: accepted }),
    ...(until !== undefined && { until: timeOf(until) }),
  };
}
