// The matrix of images: who asks × how the image is named × what is asked for × by which digest algorithm × whether it is cached.

import { beforeAll, describe, expect, it } from "vitest";
import {
  basic,
  bearer,
  challengeOf,
  flow,
  pullToken,
  shut,
  type TokenAnswer,
  tokenFor,
} from "../support/access.ts";
import { Cache, fixture } from "../support/cache.ts";
import {
  APP,
  asking,
  cache,
  type Digests,
  endpointsOf,
  expected,
  FIRST,
  HOST,
  images,
  NAMINGS,
  type Named,
  OTHER,
  prepare,
  RULES,
  rulesApart,
  sentBy,
  tokens,
  upstream,
  WHO,
  type Who,
  warmed,
} from "./matrix.ts";

let warm: Cache;

beforeAll(async () => {
  await prepare();
  warm = asking(rulesApart());
  await warmed(warm);
}, 120_000);

describe.each(Object.keys(WHO))("%s", (title) => {
  it("gets exactly what it may pull, by every name and endpoint, cold and warm", async () => {
    const who = WHO[title] as Who;
    const askers = { cold: asking(rulesApart()), warm };
    for (const [state, asker] of Object.entries(askers)) {
      const sent = await sentBy(who, asker);
      const namings = Object.entries(NAMINGS).flatMap(([naming, named]) =>
        [APP, OTHER].map((own) => [naming, { ...named(own), own }] as const),
      );
      // Content without login is fetched cold for the first requesters only; the others find it in the warm cache.
      const isAsked = ({ free }: Named) => state === "warm" || !free || FIRST.includes(title);
      const lines = await Promise.all(
        namings
          .filter(([, named]) => isAsked(named))
          .map(([naming, named]) => compared(asker, who, sent, naming, named)),
      );
      expect([state, ...lines.flatMap(({ received }) => received)]).toEqual([
        state,
        ...lines.flatMap(({ required }) => required),
      ]);
      await asker.settled();
    }
  });
});

async function compared(
  asker: Cache,
  who: Who,
  sent: Record<string, string>,
  naming: string,
  named: Named,
) {
  const [received, required]: [string[], string[]] = [[], []];
  for (const { title, path, method, headers } of endpointsOf(naming, named.own)) {
    const url = named.url(path(images.get(named.own) as Digests));
    const response = who.byFlow
      ? await flow(asker, url, sent, { method, from: named.from })
      : await asker.ask(url, {
          method,
          headers: { ...sent, ...headers, "CF-Connecting-IP": named.from },
        });
    await response.arrayBuffer();
    const status = response.status === 206 ? 200 : response.status;
    const line = `${naming}, ${named.own === APP ? "app" : "other"}, ${title}`;
    received.push(`${line}: ${status}`);
    required.push(`${line}: ${expected(who, named)}`);
  }
  return { received, required };
}

describe("a repository that the requester may not see", () => {
  it.each([
    ["a client without credentials", {}],
    ["an authenticated client", () => basic(tokens.prefix as string)],
  ])(
    "gives %s the same answer, whether it exists or not, and whether there is a rule",
    async (_, headers) => {
      const sent = typeof headers === "function" ? headers() : headers;
      const own = (images.get(APP) as Digests).sha256.manifest;
      const answersOf = async (name: string, digest = own) => {
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
      const there = await answersOf(`b/${APP}`);
      expect(await answersOf("b/nothing-of-this-name")).toBe(there);
      expect(await answersOf("no-rule/app")).toBe(there);
      expect(await answersOf(`b/${APP}`, `sha256:${"0".repeat(64)}`)).toBe(there);
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
