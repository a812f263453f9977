// Authentication of administrators, for the API and the console: by the admin or viewer token, by a browser session begun with one of
// them, by a Cloudflare Access assertion of a listed person, or, under `npm start`, by a connection from this machine.

import { isSame, ofTeam, type Person } from "../../access/administrators.ts";
import type { Role } from "../../access/contract.ts";
import type { AccessServices } from "../../access/services.ts";
import { type RoleSecret, sessionIn, signSession } from "../../access/sessions/session.ts";
import { type Auth, SHORTEST_SECRET } from "../../config/auth.ts";
import { RegistryError } from "../../oci/error.ts";
import { addressOf } from "../registry/registry-auth.ts";
import type { Ways } from "../shared/console-host.ts";
import { cookieIn } from "../shared/cookies.ts";
import {
  anotherSite,
  expectOurs,
  isOfAnotherSite,
  isOfThisMachine,
  isReading,
} from "../shared/origin.ts";
import { nothingHere } from "../shared/respond.ts";
import { noSession, sessionCookie, sessionTextIn } from "./session.ts";

type Variables = Readonly<Record<string, unknown>>;

const SECRETS: [string, Role][] = [
  ["ADMIN_TOKEN", "admin"],
  ["VIEWER_TOKEN", "viewer"],
];
/** Cookie in which Cloudflare Access keeps its assertion (Cloudflare One, "Application token"). */
const ACCESS_COOKIE = "CF_Authorization";

export class Admin {
  readonly #variables: Variables;
  readonly #accessServices: AccessServices;
  readonly #people = new WeakMap<Request, Person>();

  constructor(variables: Variables, accessServices: AccessServices) {
    this.#variables = variables;
    this.#accessServices = accessServices;
  }

  /** Throws 401, 403 or 429 when the request is not admitted; 404, as for any unknown path, when no way to sign in is configured. */
  async admit(auth: Auth, request: Request, now: number): Promise<Person> {
    const person = await this.#person(auth, request, now);
    if (person.role === "viewer" && !isReading(request))
      throw new RegistryError("DENIED", "viewers may read, but not change anything");
    this.#people.set(request, person);
    return person;
  }

  ways(auth: Auth): Ways {
    const token = SECRETS.some(([name]) => (this.#variables[name] ?? "") !== "");
    const ways = { token, access: auth.access !== undefined };
    const problem = SECRETS.map(([name]) => this.#weaknessOf(name)).find(Boolean);
    return problem === undefined ? ways : { ...ways, problem };
  }

  /** Begins a browser session for the admin or viewer token. Throws UNAUTHORIZED (401), DENIED (403), TOOMANYREQUESTS (429).
   * @returns the session cookie */
  async signIn(given: string, request: Request, now: number): Promise<string> {
    if (isOfAnotherSite(request)) throw anotherSite();
    const secrets = this.#secrets();
    if (secrets.length === 0) throw nothingHere();
    const [role, secret] = await this.#guessed(given, secrets, request, now);
    const { access, snapshot } = this.#accessServices;
    const session = await access.beginSession(crypto.randomUUID(), role, now);
    const { sessions } = await snapshot.page(now, nothingLater);
    if (!sessions) throw new Error("there is no key for sessions");
    const age = Math.floor((session.endsAt - now) / 1000);
    return sessionCookie(new URL(request.url), await signSession(session, secret, sessions), age);
  }

  /** Ends the request's session: in this isolate at once, everywhere within a minute, for every copy of its cookie. Throws DENIED (403)
   * for a request of another site, which could otherwise sign users out. @returns the cookie that ends it in the browser */
  async signOut(request: Request, now: number): Promise<string> {
    expectOurs(request);
    const session = await this.#sessionOf(request, now);
    if (session) {
      const { access, snapshot } = this.#accessServices;
      await access.endSession(session.id, ofToken(session.role).who, now);
      await snapshot.readNow(now);
    }
    return noSession(new URL(request.url));
  }

  /** The same for `/metrics`, which also accepts METRICS_TOKEN. */
  async admitToNumbers(auth: Auth, request: Request, now: number): Promise<void> {
    const own = this.#variables.METRICS_TOKEN;
    const given = credentialsOf(request);
    if (given === undefined || typeof own !== "string" || own === "")
      return void (await this.admit(auth, request, now));
    const weakness = this.#weaknessOf("METRICS_TOKEN");
    const secrets = [
      ...(this.#hasDoor(auth) ? this.#secrets() : []),
      ...(weakness === undefined ? [["metrics", own] as const] : []),
    ];
    if (weakness !== undefined && secrets.length === 0) throw weak(weakness);
    try {
      await this.#guessed(given, secrets, request, now);
    } catch (error) {
      const isWrong = error instanceof RegistryError && error.status === 401;
      throw isWrong && weakness !== undefined ? weak(weakness) : error;
    }
  }

  #hasDoor(auth: Auth): boolean {
    const { token, access } = this.ways(auth);
    return token || access;
  }

  /** Throws UNKNOWN (500) when a secret is short enough to be guessed. */
  #secrets(): RoleSecret[] {
    return SECRETS.flatMap(([name, role]): RoleSecret[] => {
      const secret = this.#variables[name] ?? "";
      if (secret === "") return [];
      const weakness = this.#weaknessOf(name);
      if (weakness !== undefined) throw weak(weakness);
      return [[role, secret as string]];
    });
  }

  /** Why one of the cache's own secrets is not accepted; undefined when it is good or not set. Pulls do not depend on it. */
  #weaknessOf(name: string): string | undefined {
    const secret = this.#variables[name] ?? "";
    if (secret === "" || (typeof secret === "string" && secret.length >= SHORTEST_SECRET))
      return undefined;
    return `the secret ${name} has fewer than ${SHORTEST_SECRET} characters and could be guessed, so it is not accepted: the API and the console are closed, pulls are served. Create one with \`npm run entrepot -- secret\` and set it with \`npx wrangler secret put ${name}\``;
  }

  /** The secret that was given; wrong ones count against a limit by address. Throws UNAUTHORIZED (401), TOOMANYREQUESTS (429). */
  async #guessed<R extends string>(
    given: string | typeof WRONG_WAY,
    secrets: readonly (readonly [R, string])[],
    request: Request,
    now: number,
  ): Promise<readonly [R, string]> {
    const own = await this.#accessServices.limits.guesses.guess(addressOf(request), now, () =>
      given === WRONG_WAY ? undefined : secrets.find(([, secret]) => isSame(given, secret)),
    );
    if (own) return own;
    throw unauthorized(
      given === WRONG_WAY
        ? "the admin token must be sent as `Authorization: Bearer`"
        : "wrong admin token",
    );
  }

  /** The person of a request that was admitted. */
  person(request: Request): Person {
    const person = this.#people.get(request);
    if (!person) throw new Error("this request was not admitted");
    return person;
  }

  /** The name of that person, for the audit log. */
  who(request: Request): string {
    return this.person(request).who;
  }

  /** Writes what the person of a request is about to do to the audit log. Throws when it cannot, and the action is not carried out. */
  note(request: Request, what: string): Promise<void> {
    return this.#accessServices.access.note(this.who(request), what, Date.now());
  }

  async #person(auth: Auth, request: Request, now: number): Promise<Person> {
    if (!this.#hasDoor(auth)) {
      const isLocal = String(this.#variables.LOCAL_ADMIN) === "true";
      if (isLocal && isOfThisMachine(request)) return { role: "admin", who: "this machine" };
      throw nothingHere();
    }
    const given = credentialsOf(request);
    if (given !== undefined) {
      const [role] = await this.#guessed(given, this.#secrets(), request, now);
      return ofToken(role);
    }
    const assertion = request.headers.get("cf-access-jwt-assertion");
    if (auth.access && assertion !== null)
      return this.#byTeam(auth.access, assertion, request, now);
    if (sessionTextIn(request) !== undefined) return this.#bySession(request, now);
    // Paths that Access does not protect, such as the console's, have the assertion only in its cookie.
    const kept = cookieIn(request, ACCESS_COOKIE);
    if (auth.access && kept !== undefined) {
      expectOurs(request);
      return this.#byTeam(auth.access, kept, request, now);
    }
    this.#secrets();
    throw unauthorized("authentication required: send the admin token");
  }

  async #bySession(request: Request, now: number): Promise<Person> {
    expectOurs(request);
    this.#secrets();
    const session = await this.#sessionOf(request, now);
    if (!session) throw unauthorized("the session has ended: sign in again");
    return { ...ofToken(session.role), session: session.id };
  }

  async #sessionOf(request: Request, now: number): Promise<{ id: string; role: Role } | undefined> {
    const text = sessionTextIn(request);
    if (text === undefined) return undefined;
    const { sessions } = await this.#accessServices.snapshot.page(now, nothingLater);
    const secrets = SECRETS.flatMap(([name, role]): RoleSecret[] => {
      const secret = this.#variables[name];
      return typeof secret === "string" && secret !== "" ? [[role, secret]] : [];
    });
    return sessionIn(text, secrets, sessions, now);
  }

  /** Refuses changes asked for by another site: a browser sends the Access cookie with cross-site requests too. */
  async #byTeam(
    team: NonNullable<Auth["access"]>,
    assertion: string,
    request: Request,
    now: number,
  ): Promise<Person> {
    if (!isReading(request) && isOfAnotherSite(request)) throw anotherSite();
    const person = await ofTeam(assertion, team, this.#accessServices.issuers, now);
    if (!("refused" in person)) return person;
    if (person.known) throw new RegistryError("DENIED", person.refused);
    await this.#accessServices.limits.failed(addressOf(request), now);
    throw unauthorized(person.refused);
  }
}

/** For reads of the access snapshot: http/app has refreshed it for this request, so no background work is due. */
const nothingLater = () => {};

function ofToken(role: Role): Person {
  return { role, who: `the ${role} token` };
}

/** Stands for Basic credentials, which belong to pulls and are never accepted here. They count as a wrong guess. */
const WRONG_WAY = Symbol("wrong way");

function credentialsOf({ headers }: Request): string | typeof WRONG_WAY | undefined {
  const authorization = headers.get("authorization") ?? "";
  if (/^Basic +\S/i.test(authorization)) return WRONG_WAY;
  return /^Bearer +(\S+)$/i.exec(authorization)?.[1];
}

function weak(message: string): RegistryError {
  return new RegistryError("UNKNOWN", message);
}

function unauthorized(message: string): RegistryError {
  const headers = { "WWW-Authenticate": 'Bearer realm="entrepot"' };
  return new RegistryError("UNAUTHORIZED", message, { headers });
}
