// `GET /setup` and `/setup/<client>`: client configuration for this cache and its rules, as plain text. It names the rules, so it needs
// the same authentication as the admin API.

import { hasGoodHost } from "../../config/host.ts";
import type { Config } from "../../config/read.ts";
import { CLIENTS, setupIndex, setupOf } from "../../setup/clients.ts";
import { factsOf, type SetupOptions } from "../../setup/facts.ts";
import { HARMLESS } from "../shared/respond.ts";
import { ApiProblem, invalid } from "./problem.ts";

/** Throws an ApiProblem: `not-found` for an unknown client, `invalid-request` for an unknown query, `method-not-allowed`. */
export function answerSetup(config: Config, request: Request): Response {
  if (request.method !== "GET" && request.method !== "HEAD")
    throw new ApiProblem("method-not-allowed", "this takes GET", { Allow: "GET, HEAD" });
  const url = new URL(request.url);
  // The host goes into scripts, and the URL parser accepts hosts such as `$(…)`.
  if (!hasGoodHost(url))
    throw invalid("the Host header is not a host name that can be used in a script");
  const facts = factsOf(config, url, optionsIn(url.searchParams));
  const name = /^\/setup\/(.+)$/.exec(url.pathname)?.[1];
  if (name === undefined) return text(setupIndex(facts));
  const client = CLIENTS.find((one) => one.name === name);
  if (client) return text(setupOf(client, facts));
  const names = CLIENTS.map((one) => one.name).join(", ");
  throw new ApiProblem("not-found", `there is no such client; there are ${names}`);
}

/** `?login=true|false`, `?enforce=true|false`; default: as the cache is configured. */
function optionsIn(query: URLSearchParams): SetupOptions {
  const isKnown = ([name, value]: [string, string]) =>
    ["login", "enforce"].includes(name) && ["true", "false"].includes(value);
  if (![...query].every(isKnown))
    throw invalid("the query parameters are login and enforce, which must be true or false");
  const flag = (name: string) => (query.has(name) ? query.get(name) === "true" : undefined);
  return { login: flag("login"), enforces: flag("enforce") };
}

function text(body: string): Response {
  const headers = {
    ...HARMLESS,
    "Content-Type": "text/plain; charset=utf-8",
    "Cache-Control": "no-store",
  };
  return new Response(body, { headers });
}
