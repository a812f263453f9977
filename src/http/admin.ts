// The door of the API: the admin token or the viewer's, somebody whom Cloudflare Access lets through and who is on a list, and under
// `npm start` this machine itself; and what each may do.

import type { Desk } from "../access/desk.ts";
import { isSame, ofTeam, type Person, type Role } from "../access/people.ts";
import type { Auth } from "../config/auth.ts";
import { isLoopback } from "../config/upstream.ts";
import { RegistryError } from "../oci/error.ts";
import { addressOf } from "./door.ts";

type Variables = Readonly<Record<string, unknown>>;

/** A token that can be guessed is no door. */
const LEAST = 16;
const SECRETS: [string, Role][] = [
  ["ADMIN_TOKEN", "admin"],
  ["VIEWER_TOKEN", "viewer"],
];
/** What changes nothing, whatever the method. */
const READING = ["/api/lifecycle/preview"];

export class Admin {
  readonly #variables: Variables;
  readonly #desk: Desk;
  readonly #people = new WeakMap<Request, Person>();

  constructor(variables: Variables, desk: Desk) {
    this.#variables = variables;
    this.#desk = desk;
  }

  /** Throws what a request is answered that may not pass: 401, 403 DENIED, 429. Where there is nobody who could, the API is not there:
   * 404, as for any other path. */
  async admit(auth: Auth, request: Request, now: number): Promise<void> {
    const person = await this.#person(auth, request, now);
    if (person.role === "viewer" && !isReading(request))
      throw new RegistryError("DENIED", "a viewer may look, and change nothing");
    this.#people.set(request, person);
  }

  /** The same for `/metrics`, which a token of its own opens too: METRICS_TOKEN. */
  async admitToNumbers(auth: Auth, request: Request, now: number): Promise<void> {
    const secret = this.#variables.METRICS_TOKEN;
    const given = bearerOf(request);
    if (typeof secret === "string" && secret.length >= LEAST && given !== undefined) {
      if (isSame(given, secret)) return;
      // Whoever has none of the API's may guess no more often there than here.
      if (!this.#hasDoor(auth)) await this.#refuse(request, now);
    }
    await this.admit(auth, request, now);
  }

  #hasDoor(auth: Auth): boolean {
    return (
      auth.access !== undefined || SECRETS.some(([name]) => (this.#variables[name] ?? "") !== "")
    );
  }

  async #refuse(request: Request, now: number): Promise<never> {
    await this.#desk.limits.failed(addressOf(request), now);
    throw unauthorized("this is not the admin token");
  }

  /** Whom a request that was admitted is of. */
  who(request: Request): string {
    return this.#people.get(request)?.who ?? "nobody";
  }

  async #person(auth: Auth, request: Request, now: number): Promise<Person> {
    const secrets = SECRETS.filter(([name]) => (this.#variables[name] ?? "") !== "");
    const isLocal = String(this.#variables.LOCAL_ADMIN) === "true";
    if (secrets.length === 0 && !auth.access) {
      if (isLocal && isOfThisMachine(request)) return { role: "admin", who: "this machine" };
      throw nothingHere();
    }
    const given = bearerOf(request);
    const assertion = request.headers.get("cf-access-jwt-assertion");
    if (given !== undefined) return this.#bySecret(given, secrets, request, now);
    if (auth.access && assertion !== null)
      return this.#byTeam(auth.access, assertion, request, now);
    throw unauthorized("the API wants the admin token");
  }

  async #bySecret(
    given: string,
    secrets: [string, Role][],
    request: Request,
    now: number,
  ): Promise<Person> {
    for (const [name] of secrets) {
      const secret = this.#variables[name];
      if (typeof secret !== "string" || secret.length < LEAST) {
        const message = `the secret ${name} must have ${LEAST} characters at least: the API stays shut`;
        throw new RegistryError("UNKNOWN", message);
      }
    }
    const own = secrets.find(([name]) => isSame(given, this.#variables[name] as string));
    if (own) return { role: own[1], who: `the ${own[1]} token` };
    return this.#refuse(request, now);
  }

  /** A browser sends Access' cookie along with whatever another site has it ask for. */
  async #byTeam(
    team: NonNullable<Auth["access"]>,
    assertion: string,
    request: Request,
    now: number,
  ): Promise<Person> {
    if (!isReading(request) && isOfAnotherSite(request))
      throw new RegistryError("DENIED", "this was asked for by another site");
    const person = await ofTeam(assertion, team, this.#desk.issuers, now);
    if (!("refused" in person)) return person;
    if (person.known) throw new RegistryError("DENIED", person.refused);
    await this.#desk.limits.failed(addressOf(request), now);
    throw unauthorized(person.refused);
  }
}

function bearerOf({ headers }: Request): string | undefined {
  return /^Bearer +(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
}

function unauthorized(message: string): RegistryError {
  const headers = { "WWW-Authenticate": 'Bearer realm="entrepot"' };
  return new RegistryError("UNAUTHORIZED", message, { headers });
}

export function nothingHere(): RegistryError {
  const message = "there is nothing here; the registry API is under /v2/";
  return new RegistryError("UNSUPPORTED", message, { status: 404 });
}

function isReading({ method, url }: Request): boolean {
  return method === "GET" || method === "HEAD" || READING.includes(new URL(url).pathname);
}

/** `npm start` says LOCAL_ADMIN where it listens on loopback alone. A page in a browser of this machine can send requests there too: they
 * come with another site's name as the host (DNS rebinding), or say that they are another's. */
function isOfThisMachine(request: Request): boolean {
  return isLoopback(new URL(request.url).hostname) && !isOfAnotherSite(request);
}

/** Fetch Metadata, or `Origin`; what is no browser sends neither. */
function isOfAnotherSite({ url, headers }: Request): boolean {
  const site = headers.get("sec-fetch-site");
  if (site !== null && site !== "none" && site !== "same-origin") return true;
  const origin = headers.get("origin");
  return origin !== null && !(URL.canParse(origin) && new URL(origin).host === new URL(url).host);
}
