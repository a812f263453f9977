// Registry authorization: authenticates a client, decides what it may pull, and issues login challenges.

import type { Context } from "hono";
import type { Later } from "../../access/access-snapshot.ts";
import type { Asker, AuthenticatedClient, Authenticator } from "../../access/authenticate.ts";
import { addressKey } from "../../access/limits/limits.ts";
import type { AccessServices } from "../../access/services.ts";
import { ANONYMOUS } from "../../access/tokens/jwt.ts";
import { Seals } from "../../access/tokens/seals.ts";
import { isWithin } from "../../config/network.ts";
import type { Config } from "../../config/read.ts";
import type { Signers } from "../../config/signers.ts";
import { RegistryError } from "../../oci/error.ts";
import { isFree, type Target, targetOf, verdictOf } from "../../policy/authorize.ts";
import { accountOf } from "../../policy/requester.ts";
import { type Naming, type Routed, ruleOfHost, usableSourceOf } from "../../policy/route.ts";
import type { Source } from "../../policy/source.ts";
import type { Pull } from "../../pull/pull.ts";
import type { Recognized } from "../shared/recorder.ts";
import { isPlain } from "../shared/transport.ts";
import { loginHint, MAX_NS_LENGTH, refused, unauthorized } from "./challenge.ts";

/** A client's request and its time of arrival, in ms since the epoch. */
export interface Visitor {
  request: Request;
  url: URL;
  now: number;
  later: Later;
}

export function visitorOf({ req, executionCtx }: Context): Visitor {
  const later = (work: Promise<unknown>) => executionCtx.waitUntil(work);
  return { request: req.raw, url: new URL(req.raw.url), now: Date.now(), later };
}

export interface Admitted extends Required<Pick<Pull, "quarantined" | "allowances" | "requester">> {
  source: Source;
  /** Whether anyone may pull it. */
  isPublic: boolean;
  /** The client's name for the log. */
  who: string;
  /** Whether the client's requests keep images from expiring. A function where no login is required: found out behind the answer, and
   * only for a request that is a use. */
  touches: boolean | (() => Promise<boolean>);
}

type Known = Exclude<Asker, { who: "refused" }>;

export class RegistryAuth {
  readonly signers: Signers;
  readonly #config: Config;
  readonly #accessServices: AccessServices;
  readonly #identify: Authenticator;

  constructor(config: Config, accessServices: AccessServices) {
    this.#config = config;
    this.signers = config.signers;
    this.#accessServices = accessServices;
    this.#identify = accessServices.identify(config.auth);
  }

  /** Resolves what the client may pull. Throws UNAUTHORIZED (401) with a challenge, DENIED (403), TOOMANYREQUESTS (429), and
   * NAME_UNKNOWN (404) only for clients that may see the name.
   * @param known receives what is known of the client and its target, also of one that is refused */
  async admit(name: string, visitor: Visitor, known: Recognized): Promise<Admitted> {
    const { url } = visitor;
    const naming = { name, host: url.host, ns: url.searchParams.get("ns") ?? undefined };
    const address = addressOf(visitor.request);
    const target = this.#overTls(targetOf(this.#config, naming, address), visitor, address);
    known.target = target;
    let identity = networkOf(address);
    let who = this.#config.auth.mode === "open" ? "anybody" : "anybody there";
    let touches: Admitted["touches"] = true;
    if (target.free) {
      await this.free(visitor);
      if (visitor.request.headers.has("authorization")) touches = () => this.touches(visitor);
    } else {
      const asker = await this.#asker(visitor, undefined, refused(visitor, name));
      if (asker.who === "client") known.who = asker.subject;
      const anonymous = { kind: "anonymous" } as const;
      const verdict = verdictOf(asker.who === "client" ? asker.identity : anonymous, target);
      if (verdict === "login") throw unauthorized(visitor, name, loginHint(url));
      if (verdict === "scope") {
        const why = "the token was not issued for this scope";
        throw unauthorized(visitor, name, why, "insufficient_scope");
      }
      if (verdict === "denied")
        throw new RegistryError("DENIED", `you are not allowed to pull "${name}"`, {
          refusal: { by: "access" },
        });
      who = asker.who === "client" ? asker.subject : "nobody";
      if (isKnown(asker)) identity = accountOf(asker.subject);
      touches = asker.who !== "client" || asker.touches !== false;
    }
    // The client may pull the name, but the rules are incomplete: a rule added through the API may own it.
    if (this.#config.isPartial && (target.routed?.configured.rule.default ?? true))
      throw new RegistryError("UNAVAILABLE", "the API's rules cannot be read at the moment", {
        status: 503,
        headers: { "Retry-After": "5" },
      });
    if (!target.routed) throw unknown(naming);
    const source = pulledBy(target.routed);
    const isPublic = this.#config.auth.mode === "open" || source.rule.anonymous;
    const { snapshot } = this.#accessServices;
    const quarantined = await snapshot.quarantined(visitor.now, visitor.later);
    const allowances = await snapshot.allowances(visitor.now, visitor.later);
    const requester = { identity, perMinute: this.#config.limits.coldRequests };
    if (isWithin(address, source.rule.quietNetworks ?? [])) touches = false;
    return { source, quarantined, allowances, isPublic, who, requester, touches };
  }

  /** `GET /v2/`: tells clients how to log in and whether a login is valid. If only some names require a login, clients are
   * asked to log in; they then also work without credentials. */
  async ping(visitor: Visitor): Promise<void> {
    const { auth, rules } = this.#config;
    if (auth.mode === "open") return;
    const { host } = visitor.url;
    // Names that require a login are refused on request, because no login is accepted over plain HTTP.
    if (isPlain(visitor.url)) return;
    const address = addressOf(visitor.request);
    const own = ruleOfHost(rules, host);
    const meant = own ? [own] : rules;
    if (meant.every(({ rule }) => isFree(this.#config, rule, host, address))) return;
    const asker = await this.#asker(visitor, undefined, refused(visitor, undefined));
    if (asker.who !== "client") throw unauthorized(visitor, undefined, loginHint(visitor.url));
  }

  /** A secret host sent over plain HTTP is exposed to the network, so it grants nothing. */
  #overTls(target: Target, { url }: Visitor, address: string | undefined): Target {
    if (!isPlain(url) || !target.routed) return target;
    const { rule } = target.routed.configured;
    return { ...target, free: isFree(this.#config, rule, undefined, address) };
  }

  /** Seals for page addresses handed out to clients. */
  seals({ now, later }: Visitor): Seals {
    return new Seals(this.#accessServices.snapshot, now, later);
  }

  /** Counts a request that needs no login. Throws TOOMANYREQUESTS (429). */
  async free({ request, now }: Visitor): Promise<void> {
    if (this.#config.auth.mode === "open") return;
    await this.#accessServices.limits.asked(addressKey(addressOf(request)), now);
  }

  /** Whether the client's requests keep images from expiring where no login is required; a token that opts out is honoured
   * there too. `secret` comes from a form, otherwise from the header. */
  async touches({ request, now, later }: Visitor, secret?: string): Promise<boolean> {
    const authorization = request.headers.get("authorization");
    const presented = { authorization, assertion: null, ...(secret !== undefined && { secret }) };
    // Treated as if no token was sent if the lookup limit is reached or the access object is unavailable.
    const asker = await this.#identify
      .asker(presented, addressOf(request), now, later)
      .catch(() => undefined);
    return asker?.who !== "client" || asker.touches !== false;
  }

  /** Authenticates a client of the token service. Throws as `admit`, with the token service's own challenge. `secret` comes
   * from a form, otherwise from the header. */
  tokenAsker(visitor: Visitor, secret: string | undefined): Promise<Known> {
    return this.#asker(visitor, secret, (message) => {
      const headers = { "WWW-Authenticate": 'Basic realm="entrepot"' };
      return new RegistryError("UNAUTHORIZED", message, { headers });
    });
  }

  /** Authenticates the client. Throws UNAUTHORIZED (401) for invalid credentials, and TOOMANYREQUESTS (429). */
  async #asker(
    { request, now, later }: Visitor,
    secret: string | undefined,
    refusal: (why: string) => RegistryError,
  ): Promise<Known> {
    const address = addressOf(request);
    const presented = {
      authorization: request.headers.get("authorization"),
      assertion: request.headers.get("cf-access-jwt-assertion"),
      ...(secret !== undefined && { secret }),
    };
    const asker = await this.#identify.asker(presented, address, now, later);
    if (asker.who === "refused") {
      if (asker.counts) await this.#accessServices.limits.failed(address, now, asker.of);
      throw refusal(asker.why);
    }
    await this.#accessServices.limits.asked(
      isKnown(asker) ? accountOf(asker.subject) : addressKey(address),
      now,
    );
    return asker;
  }
}

function isKnown(asker: Known): asker is AuthenticatedClient {
  return asker.who === "client" && asker.subject !== ANONYMOUS;
}

/** Identity of a client without a login. It cannot collide with a subject, which is `token …` or an issuer's URL. */
function networkOf(address: string | undefined): string {
  return `network ${addressKey(address)}`;
}

/** As `usableSourceOf`, with a message for pulling clients that does not reveal secret names or bindings. */
function pulledBy(routed: Routed): Source {
  const { rule, problem } = routed.configured;
  if (problem === undefined) return usableSourceOf(routed);
  const message = `the rule "${rule.name}" cannot be used; the cache's log and its API (GET /api/rules) say why`;
  throw new RegistryError("UNKNOWN", message);
}

/** The address reported by the platform; forwarding headers sent by the client are ignored. */
export function addressOf({ headers }: Request): string | undefined {
  return headers.get("cf-connecting-ip") ?? undefined;
}

/** Repeats what the client sent and reveals nothing of the configuration. */
function unknown({ name, ns }: Naming): RegistryError {
  const where = ns === undefined ? "" : ` of the registry "${ns.slice(0, MAX_NS_LENGTH)}"`;
  return new RegistryError("NAME_UNKNOWN", `there is no rule for the name "${name}"${where}`);
}
