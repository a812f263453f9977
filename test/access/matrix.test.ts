// The matrix: who asks × how the image is named × what is asked for × whether it is cached. The verdict that is expected is computed
// from the table below, by other means than the cache's.

import { beforeAll, describe, expect, it } from "vitest";
import { newPullToken } from "../../src/access/pull-token.ts";
import {
  access,
  basic,
  bearer,
  challengeOf,
  flow,
  pullToken,
  shut,
  type TokenAnswer,
  tokenFor,
} from "../support/access.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";
import type { Image } from "../support/fixture.ts";
import { TestIssuer } from "../support/issuer.ts";

const SECRET_HOST = "0123456789abcdef0123456789abcdef.mirror.example";
const INSIDE = "198.51.100.7";
const OUTSIDE = "203.0.113.9";
const HOST = "cache.example";
const upstream = () => fixture.url("open") + apartPath();

/** In front of upstreams of their own: nothing of them is cached. */
const rulesApart = () => [
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

const RULES = rulesApart();

/** Rule, and the repository's name there. */
type What = "a" | "b" | "pub" | "d" | "none";
interface Named {
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
const NAMINGS: Record<string, (own: string) => Omit<Named, "own">> = {
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

const ENDPOINTS: [string, (image: Image) => string, string, Record<string, string>][] = [
  ["the tag", () => "manifests/1", "GET", {}],
  ["the tag, HEAD", () => "manifests/1", "HEAD", {}],
  ["the digest", ({ digest }) => `manifests/${digest}`, "GET", {}],
  ["the digest, HEAD", ({ digest }) => `manifests/${digest}`, "HEAD", {}],
  ["a blob", ({ config }) => `blobs/${config.digest}`, "GET", {}],
  ["a blob, HEAD", ({ layers }) => `blobs/${layers[0]?.digest}`, "HEAD", {}],
  ["a range", ({ layers }) => `blobs/${layers[0]?.digest}`, "GET", { Range: "bytes=1-2" }],
  ["tags", () => "tags/list", "GET", {}],
  ["referrers", ({ digest }) => `referrers/${digest}`, "GET", {}],
];

/** Who asks: what he sends, whether he is somebody, and of which he may have. */
interface Who {
  headers(): Record<string, string>;
  somebody: boolean;
  may(what: What, own: string): boolean;
  /** He may see that a name leads nowhere. */
  seesAll?: boolean;
  /** By the whole flow, with a JWT in the end. */
  byFlow?: boolean;
}

const images = new Map<string, Image>();
const tokens: Record<string, string> = {};
const cache = new Cache({ RULES, ...shut() });
const APP = repository("app");
const OTHER = repository("other");
const all = () => true;
const none = () => false;

const WHO: Record<string, Who> = {
  nobody: { headers: () => ({}), somebody: false, may: none },
  "somebody with a login of elsewhere": {
    headers: () => basic("a-password-of-another-registry", "me"),
    somebody: false,
    may: none,
  },
  "a token that is none, well formed": {
    headers: () => basic(newPullToken()),
    somebody: false,
    may: none,
  },
  "a token for everything": {
    headers: () => basic(tokens.all as string),
    somebody: true,
    may: all,
    seesAll: true,
  },
  "a token for everything, by the flow": {
    headers: () => basic(tokens.all as string),
    somebody: true,
    may: all,
    seesAll: true,
    byFlow: true,
  },
  "a token for one repository, by its alias": {
    headers: () => basic(tokens.one as string),
    somebody: true,
    may: (what, own) => what === "b" && own === APP,
  },
  "a token for one repository, by the flow": {
    headers: () => basic(tokens.one as string),
    somebody: true,
    may: (what, own) => what === "b" && own === APP,
    byFlow: true,
  },
  "a token for a host's": {
    headers: () => bearer(tokens.host as string),
    somebody: true,
    may: (what) => what === "b",
  },
  "a token for a prefix": {
    headers: () => basic(tokens.prefix as string),
    somebody: true,
    may: (what) => what === "a",
  },
  "a token for the names without a prefix": {
    headers: () => basic(tokens.bare as string),
    somebody: true,
    may: (what, own) => what === "d" && own === OTHER,
  },
  "a token from elsewhere than its networks": {
    headers: () => basic(tokens.elsewhere as string),
    somebody: false,
    may: none,
  },
  "a revoked token": { headers: () => basic(tokens.revoked as string), somebody: false, may: none },
  "an issuer's token": {
    headers: () => basic(tokens.oidc as string),
    somebody: true,
    may: (what) => what === "b",
  },
  "an issuer's token, by the flow": {
    headers: () => basic(tokens.oidc as string),
    somebody: true,
    may: (what) => what === "b",
    byFlow: true,
  },
  "an issuer's token whose claims are others": {
    headers: () => basic(tokens.oidcOther as string),
    somebody: false,
    may: none,
  },
};

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
const asking = (rules = RULES) => new Cache({ RULES: rules, ...shut(), AUTH: AUTH() });

beforeAll(async () => {
  await issuer.start();
  const seed = repository("seed");
  for (const own of [APP, OTHER]) {
    // One image at all upstreams, by its name there.
    images.set(own, await fixture.image(own, "1", { seed }));
    await fixture.image(`team/${own}`, "1", { seed });
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
});

function expected(who: Who, named: Named): number {
  if (named.free) return 200;
  if (!who.somebody) return 401;
  if (named.what === "none") return who.seesAll ? 404 : 403;
  return who.may(named.what, named.own) ? 200 : 403;
}

describe.each(Object.keys(WHO))("%s", (title) => {
  it("gets what is his, by every name and endpoint, cold and warm", async () => {
    const who = WHO[title] as Who;
    const rules = rulesApart();
    for (const state of ["cold", "warm"]) {
      const asker = asking(rules);
      if (state === "warm") await warm(asker);
      const lines = await Promise.all(
        Object.entries(NAMINGS).flatMap(([naming, named]) =>
          [APP, OTHER].map((own) => asked(asker, who, naming, { ...named(own), own })),
        ),
      );
      expect([state, ...lines.flatMap(({ got }) => got)]).toEqual([
        state,
        ...lines.flatMap(({ wanted }) => wanted),
      ]);
      await asker.settled();
    }
  });
});

async function asked(asker: Cache, who: Who, naming: string, named: Named) {
  const [got, wanted]: [string[], string[]] = [[], []];
  const endpoints = named.own === APP ? ENDPOINTS : ENDPOINTS.slice(0, 2);
  for (const [endpoint, rest, method, more] of endpoints) {
    const url = named.url(rest(images.get(named.own) as Image));
    const response = who.byFlow
      ? await flow(asker, url, who.headers(), { method, from: named.from })
      : await asker.ask(url, {
          method,
          headers: { ...who.headers(), ...more, "CF-Connecting-IP": named.from },
        });
    await response.arrayBuffer();
    const status = response.status === 206 ? 200 : response.status;
    const line = `${naming}, ${named.own === APP ? "app" : "other"}, ${endpoint}`;
    got.push(`${line}: ${status}`);
    wanted.push(`${line}: ${expected(who, named)}`);
  }
  return { got, wanted };
}

/** Pulls all of it, as somebody who may. */
async function warm(asker: Cache): Promise<void> {
  for (const naming of ["a prefix", "a host", "an anonymous rule", "no prefix"]) {
    for (const own of [APP, OTHER]) {
      for (const [, rest, method] of ENDPOINTS) {
        const init = { method, headers: basic(tokens.all as string) };
        const url = NAMINGS[naming]?.(own).url(rest(images.get(own) as Image)) as string;
        const response = await asker.ask(url, init);
        expect(response.status).toBe(200);
        await response.arrayBuffer();
      }
    }
  }
  await asker.settled();
}

describe("what one may not see", () => {
  it.each([
    ["nobody", {}],
    ["somebody", () => basic(tokens.prefix as string)],
  ])(
    "is told to %s in the same words, whether it is there or not, and whether there is a rule",
    async (_, headers) => {
      const sent = typeof headers === "function" ? headers() : headers;
      const image = images.get(APP) as Image;
      const told = async (name: string, digest = image.digest) => {
        const answers = await Promise.all(
          [
            `manifests/1`,
            `manifests/${digest}`,
            `blobs/${digest}`,
            "tags/list",
            `referrers/${digest}`,
          ].map(async (rest) => {
            const response = await asking().ask(`https://${HOST}/v2/${name}/${rest}`, {
              headers: sent,
            });
            return [response.status, [...response.headers], await response.text()];
          }),
        );
        return JSON.stringify(answers).replaceAll(name, "<name>");
      };
      const there = await told(`b/${APP}`);
      expect(await told("b/nothing-of-this-name")).toBe(there);
      expect(await told("no-rule/app")).toBe(there);
      expect(await told(`b/${APP}`, `sha256:${"0".repeat(64)}`)).toBe(there);
    },
  );

  it("a JWT for a name is not one for the same name at another host or ns", async () => {
    const one = await pullToken(cache, [APP]);
    const first = await asking().ask(`https://${HOST}/v2/${APP}/manifests/1`);
    const answer = await tokenFor(cache, challengeOf(first), basic(one.token));
    const { token } = (await answer.json()) as TokenAnswer;
    const status = async (url: string) =>
      (await asking().ask(url, { headers: bearer(token) })).status;
    expect(await status(`https://${HOST}/v2/${APP}/manifests/1`)).toBe(200);
    expect(await status(`https://b.mirror.example/v2/${APP}/manifests/1`)).toBe(401);
    expect(await status(`https://${HOST}/v2/${APP}/manifests/1?ns=b.registry.example`)).toBe(401);
  });

  it("a JWT for a rule is not one for another whose host is called like its prefix", async () => {
    const hosted = "twin.registry.example";
    const twins = [
      { prefix: hosted, upstream: upstream() },
      { host: hosted, upstream: upstream() },
    ];
    const one = new Cache({ RULES: twins, ...shut() });
    const { token: secret } = await pullToken(one, [`${hosted}/${APP}`]);
    const url = `https://${HOST}/v2/${hosted}/${APP}/manifests/1`;
    const answer = await tokenFor(one, challengeOf(await one.ask(url)), basic(secret));
    const { token } = (await answer.json()) as TokenAnswer;
    expect((await one.ask(url, { headers: bearer(token) })).status).toBe(200);
    const other = `https://${hosted}/v2/${APP}/manifests/1`;
    expect((await one.ask(other, { headers: bearer(token) })).status).toBe(401);
    expect((await one.ask(other, { headers: basic(secret) })).status).toBe(403);
  });

  it("a name that a prefix hides from the default rule is not its own", async () => {
    const rules = [...RULES.slice(0, 1), { ...RULES[3], default: true, shadow: true }].map(
      (rule) => ({ ...rule, shadow: true }),
    );
    const hidden = new Cache({ RULES: rules, ...shut() });
    await fixture.image(`a/${APP}`, "1");
    const prefix = await pullToken(cache, ["a/**"]);
    // By ns the name is the default rule's own `a/…`, which is not the rule `a`.
    const url = `https://${HOST}/v2/a/${APP}/manifests/1?ns=d.registry.example`;
    expect((await hidden.ask(url, { headers: basic(prefix.token) })).status).toBe(403);
    expect((await hidden.ask(url, { headers: basic(tokens.all as string) })).status).toBe(200);
  });
});
