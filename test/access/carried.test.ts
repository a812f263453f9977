// A JWT carries the rights of its requester only: nothing of the network or host where it was made, and nothing about what exists.

import { decodeJwt } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { basic, bearer, pullToken, shutCache, type TokenAnswer } from "../support/access.ts";
import { type Cache, fixture, repository } from "../support/cache.ts";

const upstream = fixture.url("open");
const name = repository("carried");
const INSIDE = { "CF-Connecting-IP": "10.1.2.3" };
const OUTSIDE = { "CF-Connecting-IP": "198.51.100.7" };

beforeAll(async () => {
  await fixture.image(name, "1");
});

async function tokenOf(
  cache: Cache,
  names: string[],
  headers: Record<string, string>,
  host = "cache.example",
): Promise<TokenAnswer> {
  const scope = names.map((one) => `repository:${one}:pull`).join(" ");
  const query = new URLSearchParams({ service: "entrepot", scope });
  const response = await cache.ask(`https://${host}/token?${query}`, { headers });
  expect(response.status).toBe(200);
  return response.json();
}

describe("the right to pull without login is not in a JWT", () => {
  it("that was made within an allowed network", async () => {
    const cache = shutCache({
      RULES: [
        { prefix: "own-images", upstream },
        { default: true, upstream, networks: ["10.0.0.0/8"] },
      ],
    });
    const { token } = await pullToken(cache, ["own-images/**"]);
    const answer = await tokenOf(cache, [name, `own-images/${name}`], {
      ...INSIDE,
      ...basic(token),
    });
    expect(answer.scope).toBe(`repository:${name}:pull repository:own-images/${name}:pull`);
    const get = (path: string, from: Record<string, string>) =>
      cache.fetch(`${path}/manifests/1`, { headers: { ...from, ...bearer(answer.token) } });
    expect((await get(`own-images/${name}`, OUTSIDE)).status).toBe(200);
    expect((await get(name, INSIDE)).status).toBe(200);
    expect((await get(name, OUTSIDE)).status).toBe(403);
  });

  it("that was made at a secret host", async () => {
    const host = "a-secret-host-of-it-0123456789.cache.example";
    const cache = shutCache({
      RULES: [
        { prefix: "own-images", upstream },
        { prefix: "hub-images", default: true, upstream, secretHost: host },
      ],
    });
    const { token } = await pullToken(cache, ["own-images/**"]);
    const answer = await tokenOf(cache, [name, `own-images/${name}`], basic(token), host);
    const headers = bearer(answer.token);
    const at = (url: string) => cache.ask(`https://${url}/manifests/1`, { headers });
    expect((await at(`${host}/v2/${name}`)).status).toBe(200);
    expect((await at(`cache.example/v2/${name}`)).status).not.toBe(200);
    expect((await at(`cache.example/v2/hub-images/${name}`)).status).not.toBe(200);
  });
});

describe("a JWT for a refused repository", () => {
  const AUTH = {};
  const others = { prefix: ["theirs", "also-theirs"], upstream: "https://registry.theirs.example" };
  const aliases = [`theirs/${name}`, `also-theirs/${name}`];

  it("is the same whether there is such a rule or not", async () => {
    const entries = await Promise.all(
      [[others], []].map(async (more) => {
        const cache = shutCache({ RULES: [{ prefix: "own-images", upstream }, ...more] }, AUTH);
        const { token } = await pullToken(cache, ["own-images/**"]);
        return decodeJwt((await tokenOf(cache, aliases, basic(token))).token).access;
      }),
    );
    expect(entries[0]).toHaveLength(2);
    expect(entries[0]).toEqual(entries[1]);
  });

  it("does not reveal that two names are one repository, and is refused by both alike", async () => {
    const cache = shutCache({ RULES: [{ prefix: "own-images", upstream }, others] }, AUTH);
    const { token } = await pullToken(cache, ["own-images/**"]);
    const { token: jwt } = await tokenOf(cache, aliases, basic(token));
    const { access } = decodeJwt(jwt) as { access: { resource: string }[] };
    expect(new Set(access.map(({ resource }) => resource)).size).toBe(2);
    for (const alias of aliases)
      expect((await cache.fetch(`${alias}/manifests/1`, { headers: bearer(jwt) })).status).toBe(
        403,
      );
    const { token: one } = await tokenOf(cache, aliases.slice(0, 1), basic(token));
    for (const [index, status] of [403, 401].entries())
      expect(
        (await cache.fetch(`${aliases[index]}/manifests/1`, { headers: bearer(one) })).status,
      ).toBe(status);
  });
});
