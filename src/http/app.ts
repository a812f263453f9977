// Hono app: routes, middleware and error handling.

import { type Context, Hono, type Next } from "hono";
import { HOST_WORDS, hasGoodHost } from "../config/host.ts";
import { type Config, ConfigError, readConfig } from "../config/read.ts";
import type { Analytics } from "../meter/analytics.ts";
import { meter } from "../meter/meter.ts";
import { RegistryError } from "../oci/error.ts";
import type { PullServices } from "../pull/services.ts";
import { factsOf } from "../setup/facts.ts";
import { Admin } from "./admin/admin.ts";
import { type ApiServices, createApi } from "./admin/api.ts";
import { Metrics } from "./admin/metrics.ts";
import { problemResponse } from "./admin/problem.ts";
import { answerSetup } from "./admin/setup.ts";
import { LiveConfig } from "./live-config.ts";
import { answerRegistry } from "./registry/registry.ts";
import { visitorOf } from "./registry/registry-auth.ts";
import { answerToken } from "./registry/token.ts";
import { Audit } from "./shared/audit.ts";
import { type ConsoleHost, type Pages, pathIn, wantsPage } from "./shared/console-host.ts";
import { type Entry, entryOf, Recorder } from "./shared/recorder.ts";
import { errorResponse, HARMLESS, NO_PAGE } from "./shared/respond.ts";
import { keepSecure, redirectOf } from "./shared/transport.ts";

/** Builds the app. `variables` are the Worker's variables and secrets; with an invalid configuration every request gets a 500.
 * `pages` creates the console, which serves all other paths. */
export function createApp(
  variables: Readonly<Record<string, unknown>>,
  services: PullServices,
  apiServices: ApiServices,
  pages: Pages,
): Hono {
  const config = configure(variables);
  const current =
    config instanceof ConfigError
      ? undefined
      : new LiveConfig(config, variables, apiServices.accessServices);
  const usable = () => {
    if (current) return current;
    const { message } = config as ConfigError;
    throw new RegistryError("UNKNOWN", `invalid configuration: ${message}`);
  };
  const app = new Hono();
  // Under the administrators' paths errors are problems (RFC 9457), elsewhere the registry's.
  app.onError((error, { req }) =>
    /^\/(api|setup|metrics)(\/|$)/.test(req.path) ? problemResponse(error) : errorResponse(error),
  );
  app.use("/v2/*", async (context, next) => {
    await next();
    for (const [name, value] of Object.entries(NO_PAGE)) context.res.headers.set(name, value);
  });
  const auth = config instanceof ConfigError ? undefined : config.auth;
  app.use(async (context, next) => {
    const { url, request } = visitorOf(context);
    const elsewhere = redirectOf(request, url, auth);
    if (elsewhere) return elsewhere;
    await next();
    keepSecure(context.res, url);
    return undefined;
  });
  app.use(async (context, next) => {
    meter.count("entrepot_platform_operations", { operation: "worker_request" });
    const { url, now, later } = visitorOf(context);
    if (!hasGoodHost(url)) throw invalidHost();
    await usable().refresh(now, later);
    await next();
  });
  // Protected by Cloudflare Access, which makes the user log in; its cookie then opens the console.
  app.get("/api/sign-in", async ({ req }) => {
    await admin.admit(usable().config.auth, req.raw, Date.now());
    const headers = { Location: pathIn(req.query("to")), "Cache-Control": "no-store", ...HARMLESS };
    return new Response(null, { status: 303, headers });
  });
  // Created on first use, so that isolates that only serve images do without it.
  let api: Hono | undefined;
  app.all("/api/*", ({ req, env, executionCtx }) => {
    api ??= new Hono().route("/api", createApi(variables, usable(), services, apiServices));
    return api.fetch(req.raw, env, executionCtx);
  });
  const { catalog, gate, accessServices, webhooks } = apiServices;
  const { snapshot } = accessServices;
  const metrics = new Metrics({ catalog, gate, snapshot, webhooks });
  const admin = new Admin(variables, apiServices.accessServices);
  app.all("/metrics", async (context) => {
    const { request, now, later } = visitorOf(context);
    const { config } = usable();
    await admin.admitToNumbers(config.auth, request, now);
    return metrics.answer(config, request, now, later);
  });
  const setup = async ({ req }: Context, next: Next) => {
    if (req.path === "/setup" && wantsPage(req.raw)) return next();
    const { config } = usable();
    await admin.admit(config.auth, req.raw, Date.now());
    return answerSetup(config, req.raw);
  };
  app.all("/setup", setup);
  app.all("/setup/*", setup);
  const level = config instanceof ConfigError ? "all" : config.log;
  const audit = auditOf(config, apiServices.auditAnalytics);
  const recorder = new Recorder(level, services.reports, apiServices.analytics, audit);
  const registry = (context: Context) =>
    answerRegistry(usable().registryAuth, services, recorder, visitorOf(context));
  app.all("/token", async (context) => {
    const visitor = visitorOf(context);
    const entry: Entry = { ...entryOf(visitor), kind: "token" };
    const visit = { host: visitor.url.host, now: visitor.now, later: visitor.later };
    const { config, registryAuth } = usable();
    return recorder.record(entry, visit, () =>
      answerToken(config, apiServices.accessServices, registryAuth, visitor),
    );
  });
  app.all("/v2", registry);
  app.all("/v2/*", registry);
  const consoleHost: ConsoleHost = {
    ask: async (request, { env, executionCtx }) => app.fetch(request, env, executionCtx),
    admit: (request) => admin.admit(usable().config.auth, request, Date.now()),
    facts: (url) => factsOf(usable().config, url),
    ways: () => admin.ways(usable().config.auth),
    signIn: (given, request) => admin.signIn(given, request, Date.now()),
    signOut: (request) => admin.signOut(request, Date.now()),
  };
  let console: Hono | undefined;
  app.all("*", ({ req, env, executionCtx }) => {
    console ??= pages(consoleHost);
    return console.fetch(req.raw, env, executionCtx);
  });
  return app;
}

/** The URL parser accepts hosts such as `$(…)`. Attack: such a host would enter challenges, scripts and commands to be pasted. */
function invalidHost(): RegistryError {
  const message = `invalid Host header: use ${HOST_WORDS}`;
  return new RegistryError("UNSUPPORTED", message, { status: 400 });
}

function auditOf(config: Config | ConfigError, dataset: Analytics | undefined): Audit | undefined {
  if (config instanceof ConfigError || !config.audit) return undefined;
  return new Audit(config.audit, dataset);
}

/** Parses the configuration and logs its problems once. */
function configure(variables: Readonly<Record<string, unknown>>): Config | ConfigError {
  try {
    const config = readConfig(variables);
    for (const { rule, problem } of config.rules) {
      if (problem) console.error(`entrepot: the rule "${rule.name}" cannot be used: ${problem}`);
    }
    return config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) console.error(`entrepot: configuration: ${problem}`);
    return error;
  }
}
