// The matrix of access: who asks, by which name, and for what. The verdict that is expected is computed from these tables, by other means than the
// cache's.

import { expect } from "vitest";
import { issue, LIFE } from "../../src/access/tokens/jwt.ts";
import { hashOf, newPullToken } from "../../src/access/tokens/pull-token.ts";
import {
  ADMIN,
  access,
  basic,
  bearer,
  challengeOf,
  pullToken,
  shut,
  type TokenAnswer,
  tokenFor,
  VIEWER,
} from "../support/access.ts";
import { Browser } from "../support/browser.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";
import type { Algorithm, Image } from "../support/fixture.ts";
import { TestIssuer } from "../support/issuer.ts";

export const SECRET_HOST = "0123456789abcdef0123456789abcdef.mirror.example";
const INSIDE = "198.51.100.7";
export const OUTSIDE = "203.0.113.9";
export const HOST = "cache.example";
export const upstream = () => fixture.url("open") + apartPath();

/** In front of upstreams of their own: nothing of them is cached. */
export const rulesApart = () => [
  { prefix: "a", upstream: upstream(), shadow: true },
  {
    prefix: ["b", "b-alias"],
    shadow: true,
    upstream: upstream(),
    upstreamPrefix: "team",
    host: "b.mirror.example",
    ns: "b.registry.example",
  },
  { prefix: "pub", upstream: upstream(), anonymous: true, shadow: true },
  {
    default: true,
    upstream: upstream(),
    ns: "d.registry.example",
    networks: ["198.51.100.0/24", "2001:db8::/32"],
    secretHost: SECRET_HOST,
  },
];

export const RULES = rulesApart();

/** Rule, and the repository's name there. */
type What = "a" | "b" | "pub" | "d" | "none";
export interface Named {
  what: What;
  /** `app` or `other`. */
  own: string;
  /** With whatever leads to the repository. */
  url(rest: string): string;
  free: boolean;
  from: string;
}

const at = (host: string, name: string, ns?: string) => (rest: string) =>
  `https://${host}/v2/${name}/${rest}${ns === undefined ? "" : `?ns=${ns}`}`;

/** All ways of naming, by title. */
export const NAMINGS: Record<string, (own: string) => Omit<Named, "own">> = {
  "a prefix": (own) => ({ what: "a", url: at(HOST, `a/${own}`), free: false, from: OUTSIDE }),
  "a prefix before an upstreamPrefix": (own) => ({
    what: "b",
    url: at(HOST, `b/${own}`),
    free: false,
    from: OUTSIDE,
  }),
  "an alias": (own) => ({ what: "b", url: at(HOST, `b-alias/${own}`), free: false, from: OUTSIDE }),
  "a host": (own) => ({ what: "b", url: at("b.mirror.example", own), free: false, from: OUTSIDE }),
  "a host, and the prefix too": (own) => ({
    what: "b",
    url: at("b.mirror.example", `b/${own}`),
    free: false,
    from: OUTSIDE,
  }),
  ns: (own) => ({
    what: "b",
    url: at(HOST, own, "b.registry.example"),
    free: false,
    from: OUTSIDE,
  }),
  "an anonymous rule": (own) => ({
    what: "pub",
    url: at(HOST, `pub/${own}`),
    free: true,
    from: OUTSIDE,
  }),
  "no prefix": (own) => ({ what: "d", url: at(HOST, own), free: false, from: OUTSIDE }),
  "no prefix, from a network": (own) => ({
    what: "d",
    url: at(HOST, own),
    free: true,
    from: INSIDE,
  }),
  "no prefix, from a network of the next version": (own) => ({
    what: "d",
    url: at(HOST, own),
    free: true,
    from: "2001:db8::17",
  }),
  "a prefix, from another rule's network": (own) => ({
    what: "a",
    url: at(HOST, `a/${own}`),
    free: false,
    from: INSIDE,
  }),
  "the secret host": (own) => ({ what: "d", url: at(SECRET_HOST, own), free: true, from: OUTSIDE }),
  "ns of the default": (own) => ({
    what: "d",
    url: at(HOST, own, "d.registry.example"),
    free: false,
    from: OUTSIDE,
  }),
  "an unknown ns": (own) => ({
    what: "none",
    url: at(HOST, own, "who.example"),
    free: false,
    from: OUTSIDE,
  }),
  "host and ns that do not agree": (own) => ({
    what: "none",
    url: at("b.mirror.example", own, "d.registry.example"),
    free: false,
    from: OUTSIDE,
  }),
};

/** The digests that one image has: of the same bytes, by either algorithm. */
export type Digests = Record<Algorithm, { manifest: string; config: string; layer: string }>;
interface Endpoint {
  title: string;
  path(digests: Digests): string;
  method: string;
  headers: Record<string, string>;
}

const ofAlgorithm = (algorithm: Algorithm): Endpoint[] => [
  {
    title: `the ${algorithm} digest`,
    path: (of) => `manifests/${of[algorithm].manifest}`,
    method: "GET",
    headers: {},
  },
  {
    title: `the ${algorithm} digest, HEAD`,
    path: (of) => `manifests/${of[algorithm].manifest}`,
    method: "HEAD",
    headers: {},
  },
  {
    title: `a blob by ${algorithm}`,
    path: (of) => `blobs/${of[algorithm].config}`,
    method: "GET",
    headers: {},
  },
  {
    title: `a blob by ${algorithm}, HEAD`,
    path: (of) => `blobs/${of[algorithm].layer}`,
    method: "HEAD",
    headers: {},
  },
  {
    title: `a range by ${algorithm}`,
    path: (of) => `blobs/${of[algorithm].layer}`,
    method: "GET",
    headers: { Range: "bytes=1-2" },
  },
  {
    title: `referrers of ${algorithm}`,
    path: (of) => `referrers/${of[algorithm].manifest}`,
    method: "GET",
    headers: {},
  },
];
const BY_TAG: Endpoint[] = [
  { title: "the tag", path: () => "manifests/1", method: "GET", headers: {} },
  { title: "the tag, HEAD", path: () => "manifests/1", method: "HEAD", headers: {} },
];
const ENDPOINTS: Endpoint[] = [
  ...BY_TAG,
  { title: "tags", path: () => "tags/list", method: "GET", headers: {} },
  ...ofAlgorithm("sha256"),
];
const BY_SHA512 = ofAlgorithm("sha512");
/** One of each kind of naming: what an algorithm changes is not how an image is named. */
const NAMED_FOR_SHA512 = [
  "a prefix",
  "a host",
  "an anonymous rule",
  "no prefix",
  "no prefix, from a network",
  "the secret host",
  "an unknown ns",
];

/** What is asked for of an image that is named so. */
export function endpointsOf(naming: string, own: string): Endpoint[] {
  if (own !== APP) return BY_TAG;
  return NAMED_FOR_SHA512.includes(naming) ? [...ENDPOINTS, ...BY_SHA512] : ENDPOINTS;
}

/** A requester: the headers it sends, whether they authenticate it, and what it may pull. */
export interface Who {
  headers(): Record<string, string>;
  authenticated: boolean;
  may(what: What, own: string): boolean;
  /** Gets 404 rather than 403 for a name that leads nowhere. */
  seesAll?: boolean;
  /** By the whole flow, with a JWT in the end. */
  byFlow?: boolean;
  /** With a token that the cache signs for one repository: of what it does not speak, another may. */
  isSigned?: boolean;
  /** At the API and the console. */
  role?: "admin" | "viewer";
  /** At /metrics alone. */
  counts?: boolean;
}

const METRICS = "a-metrics-token-of-the-tests-012";
export const images = new Map<string, Digests>();
export const tokens: Record<string, string> = {};
export const cache = new Cache({ RULES, ...shut() });
let session = "";
export const APP = repository("app");
export const OTHER = repository("other");
const all = () => true;
const none = () => false;

export const WHO: Record<string, Who> = {
  "no credentials": { headers: () => ({}), authenticated: false, may: none },
  "credentials of another registry": {
    headers: () => basic("a-password-of-another-registry", "me"),
    authenticated: false,
    may: none,
  },
  "a token that is none, well formed": {
    headers: () => basic(newPullToken()),
    authenticated: false,
    may: none,
  },
  "a token for everything": {
    headers: () => basic(tokens.all as string),
    authenticated: true,
    may: all,
    seesAll: true,
  },
  "a token for everything, by the flow": {
    headers: () => basic(tokens.all as string),
    authenticated: true,
    may: all,
    seesAll: true,
    byFlow: true,
  },
  "a token for one repository, by its alias": {
    headers: () => basic(tokens.one as string),
    authenticated: true,
    may: (what, own) => what === "b" && own === APP,
  },
  "a token for one repository, by the flow": {
    headers: () => basic(tokens.one as string),
    authenticated: true,
    may: (what, own) => what === "b" && own === APP,
    byFlow: true,
  },
  "a token for a host's": {
    headers: () => bearer(tokens.host as string),
    authenticated: true,
    may: (what) => what === "b",
  },
  "a token for a prefix": {
    headers: () => basic(tokens.prefix as string),
    authenticated: true,
    may: (what) => what === "a",
  },
  "a token for the names without a prefix": {
    headers: () => basic(tokens.bare as string),
    authenticated: true,
    may: (what, own) => what === "d" && own === OTHER,
  },
  "a token from elsewhere than its networks": {
    headers: () => basic(tokens.elsewhere as string),
    authenticated: false,
    may: none,
  },
  "a revoked token": {
    headers: () => basic(tokens.revoked as string),
    authenticated: false,
    may: none,
  },
  "an issuer's token": {
    headers: () => basic(tokens.oidc as string),
    authenticated: true,
    may: (what) => what === "b",
  },
  "an issuer's token, by the flow": {
    headers: () => basic(tokens.oidc as string),
    authenticated: true,
    may: (what) => what === "b",
    byFlow: true,
  },
  "an issuer's token whose claims are others": {
    headers: () => basic(tokens.oidcOther as string),
    authenticated: false,
    may: none,
  },
  "an issuer's token that has expired": {
    headers: () => basic(tokens.oidcExpired as string),
    authenticated: false,
    may: none,
  },
  "an expired token": {
    headers: () => basic(tokens.expired as string),
    authenticated: false,
    may: none,
  },
  "a signed token for one repository": {
    headers: () => ({}), // each cache signs its own
    authenticated: true,
    may: (what, own) => what === "a" && own === APP,
    isSigned: true,
  },
  "a signed token that has expired": {
    headers: () => bearer(tokens.signedExpired as string),
    authenticated: false,
    may: none,
  },
  "a signed token whose pull token is revoked": {
    headers: () => bearer(tokens.signedRevoked as string),
    authenticated: false,
    may: none,
  },
  "the admin's token": {
    headers: () => bearer(ADMIN),
    authenticated: false,
    may: none,
    role: "admin",
  },
  "the viewer's token": {
    headers: () => bearer(VIEWER),
    authenticated: false,
    may: none,
    role: "viewer",
  },
  "the viewer's session": {
    headers: () => ({ Cookie: session }),
    authenticated: false,
    may: none,
    role: "viewer",
  },
  "the token for numbers": {
    headers: () => bearer(METRICS),
    authenticated: false,
    may: none,
    counts: true,
  },
};

export const FIRST = ["no credentials", "credentials of another registry"];
const issuer = new TestIssuer();
const AUTH = () => ({
  mode: "token",
  issuers: [
    {
      issuer: issuer.url,
      audience: "entrepot.example",
      claims: { repository: "acme/*" },
      repositories: ["b/**"],
    },
  ],
});
export const asking = (rules = RULES) =>
  new Cache({ RULES: rules, ...shut(), AUTH: AUTH(), METRICS_TOKEN: METRICS, LOG: "none" });
/** Images, tokens and a session, for a file's `beforeAll`. */
export async function prepare(): Promise<void> {
  await issuer.start();
  const seed = repository("seed");
  for (const own of [APP, OTHER]) {
    // One image at all upstreams, by its name there.
    images.set(own, await imageAt(own, seed));
    await imageAt(`team/${own}`, seed);
  }
  const make = async (globs: string[], more = {}) => (await pullToken(cache, globs, more)).token;
  tokens.all = await make(["*"]);
  tokens.one = await make([`b-alias/${APP}`]);
  tokens.host = await make(["b.mirror.example/**"]);
  tokens.prefix = await make(["a/**"]);
  tokens.bare = await make([OTHER]);
  tokens.elsewhere = await make(["**"], { networks: ["192.0.2.0/24"] });
  const gone = await pullToken(cache, ["**"]);
  await access.revoke(gone.id, "the matrix", Date.now());
  tokens.revoked = gone.token;
  tokens.oidc = await issuer.sign({ repository: "acme/app" });
  tokens.oidcOther = await issuer.sign({ repository: "evil/app" });
  const past = Math.floor(Date.now() / 1000) - 3_600;
  tokens.oidcExpired = await issuer.sign({ repository: "acme/app", iat: past - 60, exp: past });
  tokens.expired = await expiredToken();
  await signedTokens();
  const browser = new Browser(asking());
  await browser.signIn(VIEWER);
  session = browser.cookies;
}

async function imageAt(name: string, seed: string): Promise<Digests> {
  const image = await fixture.image(name, "1", { seed });
  const digestsOf = ({ digest, config, layers }: Image) => {
    return { manifest: digest, config: config.digest, layer: layers[0]?.digest as string };
  };
  const both = (blob: { digest: string }, bytes: Uint8Array | { seed: number; size: number }) =>
    fixture.blob(name, bytes, "sha512").then(({ digest }) => [blob.digest, digest]);
  const [layer] = image.layers as [Image["layers"][number]];
  const response = await fetch(`${fixture.url("open")}/v2/${name}/blobs/${image.config.digest}`);
  const config = new Uint8Array(await response.arrayBuffer());
  const [, configDigest = ""] = await both(image.config, config);
  const [, layerDigest = ""] = await both(layer, { seed: layer.seed, size: layer.size });
  const manifest = await fixture.manifest(name, image.bytes, { algorithm: "sha512" });
  const sha512 = { manifest: manifest.digest, config: configDigest, layer: layerDigest };
  return { sha256: digestsOf(image), sha512 };
}

async function expiredToken(): Promise<string> {
  const secret = newPullToken();
  const now = Date.now();
  const token = { name: "expired", repositories: ["**"], networks: [], expiresAt: now - 60_000 };
  await access.create(crypto.randomUUID(), hashOf(secret), token, "the matrix", now - 120_000);
  return secret;
}

/** A token of the cache's own, for the rule a. */
async function signedBy(asker: Cache, secret: string): Promise<string> {
  const url = `https://${HOST}/v2/a/${APP}/manifests/1`;
  const answer = await tokenFor(asker, challengeOf(await asker.ask(url)), basic(secret));
  return ((await answer.json()) as TokenAnswer).token;
}

export const sentBy = async (who: Who, asker: Cache) =>
  who.isSigned ? bearer(await signedBy(asker, tokens.all as string)) : who.headers();

async function signedTokens(): Promise<void> {
  const gone = await pullToken(cache, ["**"]);
  tokens.signedRevoked = await signedBy(cache, gone.token);
  await access.revoke(gone.id, "the matrix", Date.now());
  const page = await access.page();
  const claims = { subject: "token of the matrix", access: [], networks: [] };
  const long = Date.now() - 2 * LIFE * 1000;
  tokens.signedExpired = (await issue(claims, LIFE, page, long)).token;
}

export function expected(who: Who, named: Named): number {
  if (named.free) return 200;
  if (!who.authenticated) return 401;
  if (who.isSigned) return who.may(named.what, named.own) ? 200 : 401;
  if (named.what === "none") return who.seesAll ? 404 : 403;
  return who.may(named.what, named.own) ? 200 : 403;
}

/** Pulls everything once, with a token that may. */
export async function warmed(asker: Cache): Promise<void> {
  const pulled = async (naming: string, own: string) => {
    for (const { path, method } of [...ENDPOINTS, ...BY_SHA512]) {
      const init = { method, headers: basic(tokens.all as string) };
      const url = NAMINGS[naming]?.(own).url(path(images.get(own) as Digests)) as string;
      const response = await asker.ask(url, init);
      expect(response.status).toBe(200);
      await response.arrayBuffer();
    }
  };
  await Promise.all(
    ["a prefix", "a host", "an anonymous rule", "no prefix"].flatMap((naming) =>
      [APP, OTHER].map((own) => pulled(naming, own)),
    ),
  );
  await asker.settled();
}
