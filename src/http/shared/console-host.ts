// Console host: the contract between the console and the Worker. The console authorizes through the API's checks and reads data
// only from the API.

import type { Context, Hono } from "hono";
import type { Person } from "../../access/administrators.ts";
import type { Facts } from "../../setup/facts.ts";

export interface ConsoleHost {
  /** Dispatches a request in this isolate as if it came from outside. */
  ask(request: Request, context: Context): Promise<Response>;
  /** Throws 401, 403 or 429 when the request is not admitted, as the API does. */
  admit(request: Request): Promise<Person>;
  /** The cache's address and rules, for examples; only for admitted requests. */
  facts(url: URL): Facts;
  ways(): Ways;
  /** Starts a session for an admin or viewer token and returns its cookie. Throws as `Admin.signIn`. */
  signIn(given: string, request: Request): Promise<string>;
  /** Ends the request's session and returns the cookie that removes it. Throws as `Admin.signOut`. */
  signOut(request: Request): Promise<string>;
}

/** Available ways to sign in. */
export interface Ways {
  token: boolean;
  access: boolean;
  /** Why no token can sign in. */
  problem?: string;
}

/** Creates the console, on first use. */
export type Pages = (consoleHost: ConsoleHost) => Hono;

/** Browsers accept HTML; curl and registry clients do not ask for it. */
export function wantsPage({ headers }: Request): boolean {
  return (headers.get("accept") ?? "").includes("text/html");
}

/** Placeholder for this cache's own origin. */
const OWN_ORIGIN = "https://here.invalid";
/** Maximum length of a path, in characters. */
const MAX_PATH_LENGTH = 4096;
/** Number of decoding rounds for which a path is checked, since proxies and browsers may decode it again. */
const DECODING_ROUNDS = 4;

/** A path of this cache, with query and fragment, or `/`. Attack: open redirect by a URL, `//host`, `/\host`, a form that
 * browsers read as one of these after dropping TAB, CR and LF, or one that becomes such after decoding or resolving dots. */
export function pathIn(given: string | undefined): string {
  if (given === undefined || given.length > MAX_PATH_LENGTH || !isOurs(given)) return "/";
  const { pathname, search, hash } = new URL(given, OWN_ORIGIN);
  return isOurs(pathname) ? pathname + search + hash : "/";
}

function isOurs(text: string): boolean {
  let path = /^[^?#]*/.exec(text)?.[0] ?? "";
  for (let time = 0; time < DECODING_ROUNDS; time++) {
    if (!leadsHere(path)) return false;
    path = path.replace(/%([0-7][0-9a-f])/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  }
  return leadsHere(path);
}

function leadsHere(path: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
  if (!/^\/(?![/\\])[^\\\x00-\x1f\x7f]*$/.test(path)) return false;
  if (!URL.canParse(path, OWN_ORIGIN)) return false;
  const { origin, pathname } = new URL(path, OWN_ORIGIN);
  return origin === OWN_ORIGIN && !pathname.startsWith("//");
}
