// The door of the API, and of the console: the admin token or the viewer's, a browser's session that was begun with one of them, somebody
// whom Cloudflare Access lets through and who is on a list, and under `npm start` this machine itself; and what each may do.

import type { Desk } from "../access/desk.ts";
import { isSame, ofTeam, type Person, type Role } from "../access/people.ts";
import { type Auth, SHORTEST_SECRET } from "../config/auth.ts";
import { isLoopback } from "../config/upstream.ts";
import { RegistryError } from "../oci/error.ts";
import { cookieIn } from "./cookies.ts";
import { addressOf } from "./door.ts";
import { hasSession, sessionCookie, tokenIn } from "./session.ts";

type Variables = Readonly<Record<string, unknown>>;

const SECRETS: [string, Role][] = [
  ["ADMIN_TOKEN", "admin"],
  ["VIEWER_TOKEN", "viewer"],
];
/** Cloudflare One, "Application token": Access keeps its assertion in this cookie of the host. */
const ACCESS_COOKIE = "CF_Authorization";
/** What changes nothing, whatever the method. */
const READING = ["/api/lifecycle/preview", "/lifecycle/preview"];

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
  async admit(auth: Auth, request: Request, now: number): Promise<Person> {
    const person = await this.#person(auth, request, now);
    if (person.role === "viewer" && !isReading(request))
      throw new RegistryError("DENIED", "a viewer may look, and change nothing");
    this.#people.set(request, person);
    return person;
  }

  /** How somebody can say who he is. */
  ways(auth: Auth): { token: boolean; access: boolean } {
    const token = SECRETS.some(([name]) => (this.#variables[name] ?? "") !== "");
    return { token, access: auth.access !== undefined };
  }

  /** Begins a browser's session, for the admin token or the viewer's. Throws UNAUTHORIZED (401), DENIED (403), TOOMANYREQUESTS (429).
   * @returns its cookie */
  async signIn(given: string, request: Request, now: number): Promise<string> {
    if (isOfAnotherSite(request)) throw anotherSite();
    const secrets = this.#secrets();
    if (secrets.length === 0) throw nothingHere();
    const { role } = await this.#bySecret(given, secrets, request, now);
    const [, secret] = secrets.find(([own]) => own === role) as [Role, string];
    return sessionCookie(role, secret, new URL(request.url), now);
  }

  /** The same for `/metrics`, which a token of its own opens too: METRICS_TOKEN. */
  async admitToNumbers(auth: Auth, request: Request, now: number): Promise<void> {
    const secret = this.#variables.METRICS_TOKEN;
    const given = bearerOf(request);
    if (typeof secret === "string" && secret.length >= SHORTEST_SECRET && given !== undefined) {
      if (isSame(given, secret)) return;
      // Whoever has none of the API's may guess no more often there than here.
      if (!this.#hasDoor(auth)) await this.#refuse(request, now);
    }
    await this.admit(auth, request, now);
  }

  #hasDoor(auth: Auth): boolean {
    const { token, access } = this.ways(auth);
    return token || access;
  }

  /** Throws UNKNOWN (500) where one can be guessed. */
  #secrets(): [Role, string][] {
    return SECRETS.flatMap(([name, role]): [Role, string][] => {
      const secret = this.#variables[name] ?? "";
      if (secret === "") return [];
      if (typeof secret === "string" && secret.length >= SHORTEST_SECRET) return [[role, secret]];
      const message = `the secret ${name} must have ${SHORTEST_SECRET} characters at least: the API stays shut`;
      throw new RegistryError("UNKNOWN", message);
    });
  }

  async #refuse(request: Request, now: number): Promise<never> {
    await this.#desk.limits.failed(addressOf(request), now);
    throw unauthorized("this is not the admin token");
  }

  /** Whom a request is of that was admitted. */
  person(request: Request): Person {
    const person = this.#people.get(request);
    if (!person) throw new Error("nobody was admitted with this request");
    return person;
  }

  /** The same, as it is noted. */
  who(request: Request): string {
    return this.person(request).who;
  }

  async #person(auth: Auth, request: Request, now: number): Promise<Person> {
    if (!this.#hasDoor(auth)) {
      const isLocal = String(this.#variables.LOCAL_ADMIN) === "true";
      if (isLocal && isOfThisMachine(request)) return { role: "admin", who: "this machine" };
      throw nothingHere();
    }
    const given = bearerOf(request);
    if (given !== undefined) return this.#bySecret(given, this.#secrets(), request, now);
    const assertion = request.headers.get("cf-access-jwt-assertion");
    if (auth.access && assertion !== null)
      return this.#byTeam(auth.access, assertion, request, now);
    if (tokenIn(request) !== undefined) return this.#bySession(request, now);
    // The same assertion, on paths that Access does not stand in front of: pulls go past it, and so does the console.
    const kept = cookieIn(request, ACCESS_COOKIE);
    if (auth.access && kept !== undefined) {
      expectOurs(request);
      return this.#byTeam(auth.access, kept, request, now);
    }
    throw unauthorized("the API wants the admin token");
  }

  async #bySecret(
    given: string,
    secrets: [Role, string][],
    request: Request,
    now: number,
  ): Promise<Person> {
    const own = secrets.find(([, secret]) => isSame(given, secret));
    return own ? ofToken(own[0]) : this.#refuse(request, now);
  }

  async #bySession(request: Request, now: number): Promise<Person> {
    expectOurs(request);
    for (const [role, secret] of this.#secrets())
      if (await hasSession(request, role, secret, now)) return ofToken(role);
    throw unauthorized("the session has ended: sign in again");
  }

  /** A browser sends Access' cookie along with whatever another site has it ask for. */
  async #byTeam(
    team: NonNullable<Auth["access"]>,
    assertion: string,
    request: Request,
    now: number,
  ): Promise<Person> {
    if (!isReading(request) && isOfAnotherSite(request)) throw anotherSite();
    const person = await ofTeam(assertion, team, this.#desk.issuers, now);
    if (!("refused" in person)) return person;
    if (person.known) throw new RegistryError("DENIED", person.refused);
    await this.#desk.limits.failed(addressOf(request), now);
    throw unauthorized(person.refused);
  }
}

/** What a browser sends along with a change says where that comes from: without it, it is none of the console's. */
function expectOurs(request: Request): void {
  const { headers } = request;
  const isTold = headers.has("sec-fetch-site") || headers.has("origin");
  if (!isReading(request) && (!isTold || isOfAnotherSite(request))) throw anotherSite();
}

function ofToken(role: Role): Person {
  return { role, who: `the ${role} token` };
}

function anotherSite(): RegistryError {
  return new RegistryError("DENIED", "this was asked for by another site");
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
 * come with another site's name as the host (DNS rebinding), or say that they are another's. Somebody who follows a link to a page
 * here sees it himself, and nobody else does: no page of ours can be framed. */
function isOfThisMachine(request: Request): boolean {
  const isLed = isReading(request) && request.headers.get("sec-fetch-mode") === "navigate";
  return isLoopback(new URL(request.url).hostname) && (isLed || !isOfAnotherSite(request));
}

/** Fetch Metadata, or `Origin`; what is no browser sends neither. */
function isOfAnotherSite({ url, headers }: Request): boolean {
  const site = headers.get("sec-fetch-site");
  if (site !== null && site !== "none" && site !== "same-origin") return true;
  const origin = headers.get("origin");
  return origin !== null && !(URL.canParse(origin) && new URL(origin).host === new URL(url).host);
}
