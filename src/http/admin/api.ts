// Admin API: authentication, its routes, and the document that describes it (OpenAPI 3.1).

import { OpenAPIHono } from "@hono/zod-openapi";
import type { AccessServices } from "../../access/services.ts";
import type { Catalog } from "../../catalog/contract.ts";
import type { Config } from "../../config/read.ts";
import type { Explain } from "../../explain/open.ts";
import type { Lifecycle } from "../../lifecycle/contract.ts";
import type { Analytics } from "../../meter/analytics.ts";
import type { Prewarm } from "../../prewarm/contract.ts";
import type { PullServices } from "../../pull/services.ts";
import type { OpenScans } from "../../scanning/open.ts";
import type { Watch } from "../../upstream/contract.ts";
import type { Webhooks } from "../../webhooks/open.ts";
import type { LiveConfig } from "../live-config.ts";
import { answerJson } from "../shared/answers.ts";
import { nothingHere } from "../shared/respond.ts";
import { addAbout, type Probes } from "./about.ts";
import { addAccess } from "./access.ts";
import { Admin } from "./admin.ts";
import { addAllowances } from "./allowances.ts";
import { addCatalog } from "./catalog.ts";
import { changing } from "./changing.ts";
import { addExplain } from "./explain.ts";
import { addHeld } from "./held.ts";
import { addImageChanges } from "./image-changes.ts";
import { addImageList } from "./image-list.ts";
import { addImages } from "./images.ts";
import { addLifecycle } from "./lifecycle.ts";
import { addNumbers } from "./numbers.ts";
import { addPolicies } from "./policies.ts";
import { addPrewarm } from "./prewarm.ts";
import { ApiProblem, problemResponse } from "./problem.ts";
import { addQuarantine } from "./quarantine.ts";
import { Reporters } from "./reporters.ts";
import { type Note, refusal } from "./routes.ts";
import { addRuleChanges } from "./rule-changes.ts";
import { addRules } from "./rules.ts";
import { addSessions } from "./sessions.ts";
import { addUpstreams } from "./upstreams.ts";
import type { VerdictReader } from "./verdicts.ts";
import { addVerdicts, scanProbes } from "./verdicts.ts";
import { addWebhooks, webhookProbes } from "./webhooks.ts";

export interface ApiServices {
  catalog: Catalog;
  accessServices: AccessServices;
  explain: Explain;
  gate: Watch;
  lifecycle(config: Config): Lifecycle;
  prewarm: Prewarm;
  webhooks: Webhooks;
  scanning: { scans: OpenScans; verdicts: VerdictReader };
  probes: Probes;
  analytics?: Analytics;
  auditAnalytics?: Analytics;
}

const ABOUT = {
  openapi: "3.1.0",
  info: {
    title: "Entrepot",
    version: "1",
    description:
      "Administration of the cache. Authenticate with `Authorization: Bearer` and the admin token, or the viewer token for requests that change nothing; or with Cloudflare Access.",
  },
  servers: [{ url: "/api" }],
};

/** Serves the routes under `/api`. */
export function createApi(
  variables: Readonly<Record<string, unknown>>,
  current: LiveConfig,
  pulls: PullServices,
  services: ApiServices,
): OpenAPIHono {
  const { catalog, lifecycle, accessServices, explain, gate, prewarm, webhooks } = services;
  const { access, snapshot, limits } = accessServices;
  const api = new OpenAPIHono({
    defaultHook: (result) => {
      if (!result.success) throw refusal(result.error.issues, "this request");
    },
  });
  const config = () => current.config;
  const admin = new Admin(variables, accessServices);
  const reporters = new Reporters(variables);
  api.onError(problemResponse);
  api.use(async ({ req }, next) => {
    if (!reporters.admits(req.raw, config().scanners))
      await admin.admit(config().auth, req.raw, Date.now());
    await next();
  });
  const note: Note = (request, what) => admin.note(request, what);
  const images = { catalog, pulls, config };
  const changed = changing(variables, current, access, admin);
  addLifecycle(api, services, config, note);
  addPolicies(api, current, changed);
  addCatalog(api, catalog, () => lifecycle(config()), note);
  addAccess(api, access, admin);
  addSessions(api, accessServices, admin);
  addExplain(api, explain, config);
  addRules(api, variables, config, note);
  addRuleChanges(api, variables, changed);
  const { scans } = services.scanning;
  const probes = () => ({
    ...services.probes,
    ...webhookProbes(webhooks, config()),
    ...scanProbes(scans, config(), variables),
  });
  addAbout(api, config, admin, { probes, limits: limits.bound });
  addImages(api, images, snapshot, note);
  addImageList(api, images);
  addImageChanges(api, images, admin);
  addUpstreams(api, gate, catalog, config);
  addNumbers(api, variables, catalog, config);
  addPrewarm(api, prewarm, admin);
  addQuarantine(api, access, admin);
  addAllowances(api, accessServices, admin, pulls.reports);
  addWebhooks(api, webhooks, config, note);
  addVerdicts(api, { ...images, ...services.scanning }, reporters, admin);
  addHeld(api, images, admin);
  api.get("/openapi.json", () => answerJson(api.getOpenAPI31Document(ABOUT)));
  for (const [path, methods] of methodsOf(api)) {
    api.all(path, () => {
      throw new ApiProblem("method-not-allowed", `this takes ${methods}`, { Allow: methods });
    });
  }
  api.all("*", () => {
    throw nothingHere();
  });
  return api;
}

/** The methods of each path, with paths in Hono's syntax. */
function methodsOf({ openAPIRegistry }: OpenAPIHono): [string, string][] {
  const byPath = new Map<string, string[]>();
  for (const definition of openAPIRegistry.definitions) {
    if (definition.type !== "route") continue;
    const { path, method } = definition.route;
    const own = method === "get" ? ["GET", "HEAD"] : [method.toUpperCase()];
    byPath.set(path, [...(byPath.get(path) ?? []), ...own]);
  }
  return [...byPath].map(([path, methods]) => [
    path.replaceAll(/\{(\w+)\}/g, ":$1"),
    methods.join(", "),
  ]);
}
