// Token request: parses a query with Basic credentials (distribution's token specification) or a form (its OAuth2 part).

import { RegistryError } from "../../oci/error.ts";
import { isRepositoryName } from "../../oci/name.ts";
import { textOf } from "../shared/body.ts";

export interface Scope {
  /** The repository as the client names it. */
  name: string;
  actions: string[];
}

export interface TokenParameters {
  scopes: Scope[];
  /** Password or refresh token of the form; otherwise credentials come from the header. */
  secret?: string;
  /** Whether a refresh token is requested. */
  offline: boolean;
}

/** Maximum form size, in bytes, and maximum number of scopes: a token that carries them all must fit into a header. */
const MAX_FORM_SIZE = 64 * 1024;
const MAX_SCOPES = 25;

/** Throws UNSUPPORTED (400, or 405 for another method) and SIZE_INVALID (413). */
export async function parseTokenRequest(request: Request, url: URL): Promise<TokenParameters> {
  if (request.method === "POST") return parseForm(await formOf(request));
  if (request.method !== "GET")
    throw new RegistryError("UNSUPPORTED", "only GET and POST are supported", {
      headers: { Allow: "GET, POST" },
    });
  const { searchParams: query } = url;
  return {
    scopes: scopesIn(query.getAll("scope")),
    offline: query.get("offline_token") === "true",
  };
}

function parseForm(form: URLSearchParams): TokenParameters {
  const type = form.get("grant_type");
  const field = { password: "password", refresh_token: "refresh_token" }[type ?? ""];
  if (field === undefined) throw bad("grant_type must be password or refresh_token");
  const secret = form.get(field);
  if (!secret) throw bad(`${field} is missing`);
  const offline = type === "password" && form.get("access_type") === "offline";
  return { scopes: scopesIn(form.getAll("scope")), secret, offline };
}

async function formOf(request: Request): Promise<URLSearchParams> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/x-www-form-urlencoded\b/i.test(type))
    throw bad("the body must be a form, application/x-www-form-urlencoded");
  return new URLSearchParams(await textOf(request, MAX_FORM_SIZE, "a form"));
}

/** Parses `repository:<name>:<actions>`, several per text or several texts. Scopes of other types or invalid names are
 * ignored. */
function scopesIn(texts: readonly string[]): Scope[] {
  const scopes = texts.flatMap((text) => text.split(" ").filter((scope) => scope !== ""));
  if (scopes.length > MAX_SCOPES) throw bad(`at most ${MAX_SCOPES} scopes are supported`);
  return scopes.flatMap((scope) => {
    const [, name = "", actions = ""] =
      /^repository(?:\([a-z0-9]+\))?:(.+):([a-z,*]*)$/.exec(scope) ?? [];
    return isRepositoryName(name) ? [{ name, actions: actions.split(",") }] : [];
  });
}

function bad(message: string): RegistryError {
  return new RegistryError("UNSUPPORTED", message, { status: 400 });
}
