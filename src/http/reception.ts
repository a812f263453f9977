// What the console is given by the house: the same door as the API's, and the API itself, which is all that it knows things from.

import type { Context, Hono } from "hono";
import type { Person } from "../access/people.ts";

export interface Reception {
  /** Answers a request as if it had come from outside, in this isolate. */
  ask(request: Request, context: Context): Promise<Response>;
  /** Throws what a request is answered that may not pass, as the API does. */
  admit(request: Request): Promise<Person>;
  ways(): { token: boolean; access: boolean };
  /** Begins a session for whoever has the admin token, or the viewer's. Throws as `Admin.signIn`. @returns its cookie */
  signIn(given: string, request: Request): Promise<string>;
}

/** The console, made when it is first asked for. */
export type Pages = (reception: Reception) => Hono;

/** A browser asks for pages; curl and clients of registries do not. */
export function wantsPage({ headers }: Request): boolean {
  return (headers.get("accept") ?? "").includes("text/html");
}

/** A path of ours, and not `//elsewhere`. */
export function pathIn(given: string | undefined): string {
  return given !== undefined && /^\/(?![/\\])/.test(given) ? given : "/";
}
