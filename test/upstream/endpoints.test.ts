// What an upstream refuses at one endpoint it may well give at another: a refusal of referrers or tags does not block pulls.

import { describe, expect, it } from "vitest";
import { problemOf } from "../http/problem.ts";
import { cacheApart, fixture, repository } from "../support/cache.ts";
import { type Fault, SERVICE } from "../support/fixture.ts";
import { receive } from "../support/transfers.ts";

const CHALLENGE = `Bearer realm="${fixture.url("token")}/token",service="${SERVICE}"`;

const REFUSALS: [string, Fault][] = [
  ["401", { status: 401 }],
  ["401 with a challenge", { status: 401, headers: { "www-authenticate": CHALLENGE } }],
  ["401 with another scope", { status: 401, headers: { "www-authenticate": other("metadata") } }],
  ["401 that asks for Basic", { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } }],
  ["403", { status: 403 }],
];

function other(action: string): string {
  return `${CHALLENGE},scope="repository:private/x:${action}"`;
}

async function stage(hint: string) {
  const name = repository(hint);
  const image = await fixture.image(name, "1", { seed: name });
  const lists = {
    tags: "tags/list",
    referrers: `referrers/${image.digest}`,
  };
  const pulls = ["manifests/1", `manifests/${image.digest}`, `blobs/${image.layers[0]?.digest}`];
  return { name, lists, pulls };
}

const PREFIXES = ["open", "bearer", "basic", "robot"];

describe.each(["tags", "referrers"] as const)("a refusal of %s", (kind) => {
  describe.each(PREFIXES)("at %s", (prefix) => {
    it.each(REFUSALS)("by %s leaves cold pulls and the other list", async (_, fault) => {
      const { name, lists, pulls } = await stage("refused-list");
      const cache = cacheApart({ realm: fixture.host("token") });
      await fixture.fault({ match: { repository: name, kind }, times: 0, do: fault });
      const list = () => cache.fetch(`${prefix}/${name}/${lists[kind]}`);
      expect((await problemOf(list())).status).toBe(fault.status);
      expect((await problemOf(list())).status).toBe(fault.status);
      for (const path of pulls) {
        const { status } = await receive(cache.fetch(`${prefix}/${name}/${path}`));
        expect([path, status]).toEqual([path, 200]);
      }
      const rest = kind === "tags" ? lists.referrers : lists.tags;
      expect((await receive(cache.fetch(`${prefix}/${name}/${rest}`))).status).toBe(200);
    });
  });

  it.each(["bearer", "robot"])("by the token service leaves cold pulls: %s", async (prefix) => {
    const [{ name, lists, pulls }, elsewhere] = [await stage("no-token"), await stage("elsewhere")];
    const cache = cacheApart();
    const match = { repository: name, kind: "token" as const };
    const id = await fixture.fault({ match, times: 0, do: { status: 401 } });
    expect((await problemOf(cache.fetch(`${prefix}/${name}/${lists[kind]}`))).status).toBe(401);
    await fixture.heal({ id });
    for (const path of pulls)
      expect((await receive(cache.fetch(`${prefix}/${name}/${path}`))).status).toBe(200);
    const { status } = await receive(cache.fetch(`${prefix}/${elsewhere.name}/manifests/1`));
    expect(status).toBe(200);
  });
});

it("a refusal of lists is remembered for them: a login that is wrong is not tried for each page", async () => {
  const name = repository("remembered");
  await fixture.image(name, "1");
  const cache = cacheApart();
  const match = { repository: name, kind: "token" as const };
  await fixture.fault({ match, times: 0, do: { status: 401 } });
  for (let n = 1; n <= 10; n++)
    expect((await problemOf(cache.fetch(`robot/${name}/tags/list?n=${n}`))).status).toBe(401);
  expect(await fixture.requests({ repository: name, kind: "token" })).toHaveLength(1);
});
