// `GET /setup` and `/setup/<client>`: what to write where, for this cache and its rules, as plain text. It names the rules, so it is for
// whom the admin API is for.

import { hasGoodHost } from "../../config/host.ts";
import type { Config } from "../../config/read.ts";
import { RegistryError } from "../../oci/error.ts";
import { CLIENTS, setupIndex, setupOf } from "../../setup/clients.ts";
import { factsOf } from "../../setup/facts.ts";
import { HARMLESS } from "../shared/respond.ts";

/** Throws UNSUPPORTED: 404 for an unknown client, 400 for a query that is none, 405. */
export function answerSetup(config: Config, request: Request): Response {
  if (request.method !== "GET" && request.method !== "HEAD")
    throw new RegistryError("UNSUPPORTED", "this takes GET", {
      status: 405,
      headers: { Allow: "GET, HEAD" },
    });
  const url = new URL(request.url);
  // It goes into scripts; a URL's host may be `$(…)` too.
  if (!hasGoodHost(url))
    throw new RegistryError("UNSUPPORTED", "this is no host that a script could name", {
      status: 400,
    });
  const facts = factsOf(config, url, loginIn(url.searchParams));
  const name = /^\/setup\/(.+)$/.exec(url.pathname)?.[1];
  if (name === undefined) return text(setupIndex(facts));
  const client = CLIENTS.find((one) => one.name === name);
  if (client) return text(setupOf(client, facts));
  const names = CLIENTS.map((one) => one.name).join(", ");
  const message = `there is no such client; there are ${names}`;
  throw new RegistryError("UNSUPPORTED", message, { status: 404 });
}

/** `?login=true|false`; without it as the cache has it. */
function loginIn(query: URLSearchParams): boolean | undefined {
  const unknown = [...query.keys()].find((name) => name !== "login");
  const login = query.get("login");
  if (unknown === undefined && (login === null || login === "true" || login === "false"))
    return login === null ? undefined : login === "true";
  const message = "this takes no query but login, which must be true or false";
  throw new RegistryError("UNSUPPORTED", message, { status: 400 });
}

function text(body: string): Response {
  const headers = {
    ...HARMLESS,
    "Content-Type": "text/plain; charset=utf-8",
    "Cache-Control": "no-store",
  };
  return new Response(body, { headers });
}
