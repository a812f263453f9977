// The API for whoever runs the cache: what its lifecycle would do, does, and has done; and the catalog.

import { type Context, Hono } from "hono";
import type { Desk } from "../access/desk.ts";
import type { Catalog } from "../catalog/open.ts";
import type { LifecycleEvent, RunReport } from "../catalog/sweeping.ts";
import { type LifecyclePolicy, parsePolicies } from "../config/lifecycle.ts";
import type { Config } from "../config/read.ts";
import type { Lifecycle } from "../lifecycle/told.ts";
import { RegistryError } from "../oci/error.ts";
import { Admin, nothingHere } from "./admin.ts";
import { answerJson, errorsResponse, timeOf } from "./answers.ts";
import { addAccess } from "./api-access.ts";
import { textOf } from "./body.ts";
import { flagIn, nextOf, numberIn, only, pageIn } from "./query.ts";

/** What the API works with. */
export interface Office {
  catalog: Catalog;
  desk: Desk;
  lifecycle(config: Config): Lifecycle;
}

/** A policy that is longer is none, in bytes. */
const LONGEST_POLICY = 256 * 1024;
const DAY = 24 * 60 * 60_000;

/** Under `/api`.
 * @param config called once the request may pass; throws where the configuration cannot be used */
export function createApi(
  variables: Readonly<Record<string, unknown>>,
  config: () => Config,
  { catalog, lifecycle, desk }: Office,
): Hono {
  const api = new Hono();
  const admin = new Admin(variables, desk);
  api.use(async ({ req }, next) => {
    await admin.admit(config().auth, req.raw, Date.now());
    await next();
  });
  /** Before it is done: what cannot be noted is not done either. */
  const note = ({ req }: Context, what: string) =>
    desk.access.note(admin.who(req.raw), what, Date.now());
  const opened = () => lifecycle(config());

  api.on(["GET", "POST"], "/lifecycle/preview", async ({ req }) => {
    const query = only(req.raw, ["policy", "force"]);
    const given =
      query.get("policy") ??
      (req.method === "POST"
        ? (await textOf(req.raw, LONGEST_POLICY, "a policy")).trim()
        : undefined);
    const read = given === undefined || given === "" ? undefined : parsePolicies(given, "policy");
    if (read && "problems" in read) return errorsResponse(read.problems, 400);
    const policies: LifecyclePolicy[] | undefined = read?.policies;
    const asked = { force: flagIn(query, "force"), ...(policies && { policies }) };
    return answerJson(await opened().preview(asked, Date.now()));
  });

  api.get("/lifecycle/runs", async ({ req }) => {
    const query = only(req.raw, ["n"]);
    const runs = await catalog.runs(numberIn(query, "n", 20, 1000));
    return answerJson({ runs: runs.map(runTold) });
  });

  api.post("/lifecycle/runs", async (context) => {
    const force = flagIn(only(context.req.raw, ["force"]), "force");
    await note(context, `had the lifecycle run${force ? ", by force" : ""}`);
    const report = await opened().sweep({ trigger: "request", force }, Date.now());
    return report ? answerJson(runTold(report)) : atWork();
  });

  api.get("/lifecycle/events", async ({ req }) => {
    const { limit, before } = pageIn(req.raw);
    const events = await catalog.events(before, limit);
    const { next, headers } = nextOf("/api/lifecycle/events", events, limit);
    return answerJson({ events: events.map(eventTold), ...next }, headers);
  });

  api.get("/catalog", async ({ req }) => {
    const days = numberIn(only(req.raw, ["days"]), "days", 7, 90);
    const from = new Date(Date.now() - (days - 1) * DAY).toISOString().slice(0, 10);
    const { reconciledAt, ...summary } = await catalog.summary();
    const reconciled = reconciledAt === undefined ? {} : { reconciledAt: timeOf(reconciledAt) };
    return answerJson({ ...summary, ...reconciled, counts: await catalog.counts(from) });
  });

  api.post("/catalog/rebuild", async (context) => {
    const fresh = flagIn(only(context.req.raw, ["fresh"]), "fresh");
    await note(context, `had the catalog built anew${fresh ? ", from nothing" : ""}`);
    const rebuilt = await opened().rebuild(fresh, Date.now());
    return rebuilt ? answerJson(rebuilt) : atWork();
  });

  addAccess(api, desk.access, admin);

  for (const [path, methods] of Object.entries(METHODS))
    api.all(path, () => {
      throw new RegistryError("UNSUPPORTED", `this takes ${methods}`, {
        headers: { Allow: methods },
      });
    });
  api.all("*", (_: Context) => {
    throw nothingHere();
  });
  return api;
}

const METHODS = {
  "/lifecycle/preview": "GET, HEAD, POST",
  "/lifecycle/runs": "GET, HEAD, POST",
  "/lifecycle/events": "GET, HEAD",
  "/catalog": "GET, HEAD",
  "/catalog/rebuild": "POST",
  "/tokens": "GET, HEAD, POST",
  "/tokens/:id": "DELETE",
  "/audit": "GET, HEAD",
  "/keys/rotate": "POST",
};

function atWork(): never {
  throw new RegistryError("UNAVAILABLE", "a sweep is at work; ask again when it has ended", {
    status: 409,
  });
}

/** With times as people and programs read them. */
function runTold({ now, startedAt, endedAt, ...run }: RunReport): object {
  const times = { now: timeOf(now), startedAt: timeOf(startedAt) };
  return { ...run, ...times, ...(endedAt !== undefined && { endedAt: timeOf(endedAt) }) };
}

function eventTold({ at, ...event }: LifecycleEvent): object {
  return { ...event, at: timeOf(at) };
}
