// What the console is given by the house: the same door as the API's, and the API itself, which is all that it knows things from.

import type { Context, Hono } from "hono";
import type { Person } from "../../access/administrators.ts";
import type { Facts } from "../../setup/facts.ts";

export interface ConsoleHost {
  /** Answers a request as if it had come from outside, in this isolate. */
  ask(request: Request, context: Context): Promise<Response>;
  /** Throws what a request is answered that may not pass, as the API does. */
  admit(request: Request): Promise<Person>;
  /** The address and the rules, for examples; only for a request that was admitted. */
  facts(url: URL): Facts;
  ways(): Ways;
  /** Begins a session for whoever has the admin token, or the viewer's. Throws as `Admin.signIn`. @returns its cookie */
  signIn(given: string, request: Request): Promise<string>;
  /** Ends the request's session. Throws as `Admin.signOut`. @returns the cookie that ends it in the browser */
  signOut(request: Request): Promise<string>;
}

/** How somebody can say who he is. */
export interface Ways {
  token: boolean;
  access: boolean;
  /** Why no token opens anything. */
  problem?: string;
}

/** The console, made when it is first asked for. */
export type Pages = (consoleHost: ConsoleHost) => Hono;

/** A browser asks for pages; curl and clients of registries do not. */
export function wantsPage({ headers }: Request): boolean {
  return (headers.get("accept") ?? "").includes("text/html");
}

/** Stands for this cache's own origin. */
const OWN_ORIGIN = "https://here.invalid";
/** A path that is longer is none of ours, in characters. */
const LONGEST_PATH = 4096;
/** How often a path is decoded to see what it means to whatever reads it next: a proxy, or a browser. */
const DECODED = 4;

/** A path of this cache's, with its query; `/` for anything that could lead elsewhere (open redirect): a URL, `//host`, `/\host`, what
 * a browser reads as that since it drops TAB, CR and LF, or what becomes that once it is decoded or its dots are resolved. */
export function pathIn(given: string | undefined): string {
  if (given === undefined || given.length > LONGEST_PATH || !isOurs(given)) return "/";
  const { pathname, search, hash } = new URL(given, OWN_ORIGIN);
  return isOurs(pathname) ? pathname + search + hash : "/";
}

function isOurs(text: string): boolean {
  let path = /^[^?#]*/.exec(text)?.[0] ?? "";
  for (let time = 0; time < DECODED; time++) {
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
