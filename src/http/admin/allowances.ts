// API routes for allowances (break-glass): digests that pass the checks of age, signature and vulnerabilities until a time.

import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { AccessServices } from "../../access/services.ts";
import {
  type AllowanceAnswer,
  allowance,
  allowances,
  confirmQuery,
  newAllowance,
} from "../../api/allowances.ts";
import { type Happening, meter } from "../../meter/meter.ts";
import type { Allowance } from "../../policy/trust.ts";
import type { Reports } from "../../pull/reports.ts";
import { visitorOf } from "../registry/registry-auth.ts";
import { timeOf } from "../shared/answers.ts";
import { textOf } from "../shared/body.ts";
import type { Admin } from "./admin.ts";
import { ApiProblem, invalid } from "./problem.ts";
import { type Api, add, bodyIn } from "./routes.ts";

/** Maximum size of a request body, in bytes. */
const MAX_BODY = 4 * 1024;
const DAY = 24 * 60 * 60_000;
/** Maximum time that an allowance lasts, in ms. */
const MAX_DURATION = 30 * DAY;

export function addAllowances(
  api: Api,
  { access, snapshot }: AccessServices,
  admin: Admin,
  reports: Pick<Reports, "noted">,
): void {
  const params = { digest: z.string() };
  /** Tells an event, and applies the change in this isolate at once. */
  const changed = async (context: Context, what: Happening["what"], of: Allowance, how: string) => {
    const { now, later, url } = visitorOf(context);
    meter.happened({ what, at: now, digest: of.digest, detail: how });
    reports.noted({ host: url.host, now, later });
    await snapshot.readNow(now);
    return allowanceAnswer(of);
  };

  add(
    api,
    {
      method: "get",
      path: "/allowances",
      summary: "Lists allowances that have not ended",
      answer: allowances,
    },
    async () => {
      const { allowances = [] } = await access.page();
      return { allowances: allowances.map(allowanceAnswer) };
    },
  );

  add(
    api,
    {
      method: "post",
      path: "/allowances",
      summary:
        "Lets a digest pass the checks of age, signature and vulnerabilities until a time; replaces an earlier allowance, and takes effect everywhere within a minute",
      body: newAllowance,
      answer: allowance,
      status: 201,
      problems: [409, 413],
    },
    async (_, context) => {
      const { raw } = context.req;
      const [who, at] = [admin.who(raw), Date.now()];
      const text = await textOf(raw, MAX_BODY, "an allowance");
      const read = bodyIn(text, newAllowance, "an allowance", "digest, until and reason");
      const { digest, reason } = read;
      const until = "at" in read.until ? read.until.at : at + read.until.in;
      if (until <= at) throw invalid("until: must be in the future");
      if (until > at + MAX_DURATION)
        throw invalid(`until: must be within ${MAX_DURATION / DAY} days`);
      const added = { digest, until, reason, who, at };
      if (!(await access.allow(added)))
        throw new ApiProblem("conflict", "there are too many allowances: remove some");
      return changed(context, "allowance.added", added, wordsOf(added));
    },
  );

  add(
    api,
    {
      method: "post",
      path: "/allowances/{digest}/confirm",
      summary: "Confirms another person's allowance, for rules with allowancePeople = 2",
      params,
      query: confirmQuery,
      answer: allowance,
      problems: [404, 409],
    },
    async ({ at }, context) => {
      const who = admin.who(context.req.raw);
      const digest = context.req.param("digest") as string;
      const confirmed = await access.confirmAllowance(digest, who, Date.now(), at);
      if (!confirmed) throw notFound();
      // Attack: the first person replaces the allowance while the second reads it, so that other terms are confirmed.
      if (at !== undefined && confirmed.at !== at)
        throw new ApiProblem("conflict", "the allowance was replaced meanwhile: read it again");
      if (confirmed.who === who)
        throw new ApiProblem(
          "conflict",
          `${who} added this allowance, and another person must confirm it: the admin token is one person, and people with Cloudflare Access are told apart by their e-mail address`,
        );
      const how = `confirmed by ${confirmed.confirmedBy}: ${wordsOf(confirmed)}`;
      return changed(context, "allowance.added", confirmed, how);
    },
  );

  add(
    api,
    {
      method: "delete",
      path: "/allowances/{digest}",
      summary: "Removes an allowance before its end; takes effect everywhere within a minute",
      params,
      answer: allowance,
      problems: [404],
    },
    async (_, context) => {
      const who = admin.who(context.req.raw);
      const digest = context.req.param("digest") as string;
      const removed = await access.removeAllowance(digest, who, Date.now());
      if (!removed) throw notFound();
      return changed(context, "allowance.removed", removed, `removed by ${who}`);
    },
  );
}

function notFound(): ApiProblem {
  return new ApiProblem("not-found", "there is no allowance of this digest, or it has ended");
}

function wordsOf({ until, who, reason }: Allowance): string {
  return `until ${timeOf(until)}, by ${who}: ${reason}`;
}

function allowanceAnswer({ until, at, ...rest }: Allowance): AllowanceAnswer {
  return { ...rest, until: timeOf(until), at: timeOf(at) };
}
