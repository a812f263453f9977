// Held tags over the API and the command line: listed, and released for one digest and a time.

import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { HeldAnswer } from "../../src/api/held.ts";
import { openCatalog } from "../../src/catalog/open.ts";
import type { Env } from "../../src/env.ts";
import { ADMIN, api, bearer } from "../support/access.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";
import { cli, URL_OF_CACHE } from "../support/cli.ts";
import { later } from "../support/clock.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const catalog = openCatalog(env as unknown as Env);

afterEach(() => void vi.restoreAllMocks());

function fresh(path: string, fields: object = {}): Cache {
  const upstream = fixture.url("open") + path;
  const rule = { prefix: "h", upstream, minimumAge: "3h", tagTtl: "30m", ...fields };
  return new Cache({ RULES: [rule], ADMIN_TOKEN: ADMIN });
}

const digestAt = async (cache: Cache, name: string) => {
  const response = await cache.fetch(`h/${name}/manifests/1`);
  await response.arrayBuffer();
  return response.headers.get("docker-content-digest") ?? response.status;
};

async function moved(hint: string, fields: object = {}) {
  const name = repository(hint);
  const path = apartPath();
  const cache = fresh(path, { minimumAgeFirst: "serve", ...fields });
  const old = await fixture.image(name, "1");
  await digestAt(cache, name);
  const young = await fixture.image(name, "1", { seed: `${name}-2` });
  later(HOUR);
  expect(await digestAt(cache, name)).toBe(old.digest);
  return { name, path, cache, old: old.digest, young: young.digest, reference: `h/${name}:1` };
}

async function held(cache: Cache, reference: string) {
  const told = (await (await api(cache, "GET", "held?n=1000")).json()) as HeldAnswer;
  return told.held.filter((one) => one.reference === reference);
}

const release = (cache: Cache, body: object) => api(cache, "POST", "held/release", body);

describe("a held tag", () => {
  it("is listed with what it serves, since when and until when", async () => {
    const { cache, reference, old, young } = await moved("listed");
    const [one] = await held(cache, reference);
    expect(one).toMatchObject({ rule: "h", serves: old, candidate: young, moves: 1 });
    expect(Date.parse(one?.until ?? "") - Date.parse(one?.since ?? "")).toBe(3 * HOUR);
  });

  it("is released by the API: for this digest alone, until its end, and with a line in the audit log", async () => {
    const { cache, reference, old, young, name } = await moved("released");
    const response = await release(cache, { reference, reason: "fixes a CVE", digest: young });
    const told = (await response.json()) as { digest: string; until: string; who: string };
    expect(told).toMatchObject({ reference, digest: young, who: "the admin token" });
    expect(Date.parse(told.until) - Date.now()).toBeGreaterThan(29 * DAY);
    const audit = await (await api(cache, "GET", "audit?n=3")).text();
    expect(audit).toContain(`released ${reference} at ${young}`);
    expect(await digestAt(cache, name)).toBe(young);
    expect(await held(cache, reference)).toEqual([]);
    const events = (await catalog.happened(undefined, 200)).filter((one) =>
      one.place?.endsWith(name),
    );
    const [event] = events.filter(({ what }) => what === "tag.released");
    expect(event?.detail).toMatch(/^h: released by the admin token until .*: fixes a CVE$/);
    // What comes next is held again, at what was released.
    const next = await fixture.image(name, "1", { seed: `${name}-3` });
    later(HOUR);
    expect(await digestAt(cache, name)).toBe(young);
    expect(await held(cache, reference)).toMatchObject([{ serves: young, candidate: next.digest }]);
    expect(old).not.toBe(young);
  });

  it("is held again after the end of its release, if it is not old enough by then", async () => {
    const { cache, reference, old, young, name } = await moved("ended");
    const until = new Date(Date.now() + HOUR).toISOString();
    expect((await release(cache, { reference, reason: "a try", until })).status).toBe(200);
    expect(await digestAt(cache, name)).toBe(young);
    later(1.1 * HOUR);
    expect(await digestAt(cache, name)).toBe(old);
    later(3 * HOUR);
    expect(await digestAt(cache, name)).toBe(young);
  });

  it("keeps its release when the tag is checked at the same time, and in every isolate", async () => {
    const { cache, reference, young, name, path } = await moved("checked");
    await fixture.fault({ match: { repository: name, method: "HEAD" }, do: { hold: name } });
    later(HOUR);
    const asking = digestAt(cache, name);
    await fixture.held(name);
    await catalog.summary();
    const releasing = release(fresh(path, { tagTtl: "3h", minimumAgeFirst: "serve" }), {
      reference,
      reason: "at once",
    });
    expect((await releasing).status).toBe(200);
    await fixture.release(name);
    await asking;
    expect(await digestAt(fresh(path, { minimumAgeFirst: "serve" }), name)).toBe(young);
  });

  it("that the upstream has deleted meanwhile, and the rule keeps, is released too", async () => {
    const { cache, reference, old, young, name } = await moved("deleted", { keepDeleted: true });
    await fixture.remove(name, "1");
    later(HOUR);
    expect(await digestAt(cache, name)).toBe(old);
    expect((await held(cache, reference))[0]).not.toHaveProperty("until");
    expect((await release(cache, { reference, reason: "it is good" })).status).toBe(200);
    expect(await digestAt(cache, name)).toBe(young);
  });

  it("that was never seen before is released too", async () => {
    const name = repository("first");
    const cache = fresh(apartPath());
    const { digest } = await fixture.image(name, "1");
    expect(await digestAt(cache, name)).toBe(403);
    const [one] = await held(cache, `h/${name}:1`);
    expect(one).toMatchObject({ candidate: digest, moves: 0 });
    expect(one).not.toHaveProperty("serves");
    expect((await release(cache, { reference: `h/${name}:1`, reason: "known" })).status).toBe(200);
    expect(await digestAt(cache, name)).toBe(digest);
  });

  it.each<{ title: string; fields: object; status: number; message: RegExp }>([
    {
      title: "another digest",
      fields: { digest: `sha256:${"0".repeat(64)}` },
      status: 409,
      message: /means sha256:\w+ by now/,
    },
    {
      title: "an end in the past",
      fields: { until: "2020-01-01T00:00:00Z" },
      status: 400,
      message: /until: must be in the future/,
    },
    {
      title: "an end that is no time",
      fields: { until: "soon" },
      status: 400,
      message: /until: must be a time/,
    },
    { title: "no reason", fields: { reason: undefined }, status: 400, message: /reason/ },
    {
      title: "a digest as its reference",
      fields: { reference: `h/x@sha256:${"0".repeat(64)}` },
      status: 400,
      message: /must have a tag/,
    },
    {
      title: "a name without a rule",
      fields: { reference: "nothing.example/x:1" },
      status: 404,
      message: /no rule/,
    },
  ])("is not released with $title", async ({ fields, status, message }) => {
    const { cache, reference, old, name } = await moved("wrong");
    const response = await release(cache, { reference, reason: "why not", ...fields });
    expect(response.status).toBe(status);
    expect(((await response.json()) as { detail: string }).detail).toMatch(message);
    expect(await digestAt(cache, name)).toBe(old);
  });

  it("is not released twice, nor is one that is not held", async () => {
    const { cache, reference } = await moved("twice");
    expect((await release(cache, { reference, reason: "once" })).status).toBe(200);
    const again = await release(cache, { reference, reason: "twice" });
    expect(again.status).toBe(409);
    expect(((await again.json()) as { detail: string }).detail).toContain("is not held");
  });

  it("is listed and released by the command line", async () => {
    const { cache, reference, old, young, name } = await moved("cli");
    const run = (...args: string[]) =>
      cli([...args, "--url", URL_OF_CACHE], (request) => cache.ask(request.url, request));
    const listed = await run("held");
    expect(listed.code).toBe(0);
    const line = listed.out.split("\n").find((one) => one.includes(reference));
    expect(line).toContain(old.slice(0, 19));
    expect(line).toContain(young.slice(0, 19));
    const done = await run("held", "release", reference, "--reason", "tested");
    expect(done).toMatchObject({ code: 0, err: "" });
    expect(done.out).toContain(`released ${reference} at ${young} until`);
    expect(await digestAt(cache, name)).toBe(young);
  });

  it("stays held when it is refreshed, which says so", async () => {
    const { cache, reference, old, young, name } = await moved("refreshed");
    const path = `images/refresh?reference=${reference}`;
    const answer = await (await api(cache, "POST", path)).json();
    expect(answer).toMatchObject({
      digest: young,
      held: { serves: old, until: expect.any(String) },
    });
    expect(await digestAt(cache, name)).toBe(old);
    const run = await cli(["refresh", reference, "--url", URL_OF_CACHE], (request) =>
      cache.ask(request.url, request),
    );
    expect(run.out).toContain(`too young: serves ${old} until`);
  });

  it("passes where its new digest is allowed by break-glass, with as many people as the rule asks for", async () => {
    const { cache, old, young, name, path, reference } = await moved("allowed");
    const entry = { digest: young, until: "1h", reason: "an incident" };
    expect((await api(cache, "POST", "allowances", entry)).status).toBe(201);
    const first = { minimumAgeFirst: "serve" };
    expect(await digestAt(fresh(path, { ...first, allowancePeople: 2 }), name)).toBe(old);
    expect(await digestAt(fresh(path, first), name)).toBe(young);
    const refreshed = await api(
      fresh(path, first),
      "POST",
      `images/refresh?reference=${reference}`,
    );
    expect(await refreshed.json()).not.toHaveProperty("held");
    const explained = await api(fresh(path, first), "GET", `explain?reference=${reference}`);
    const { steps } = (await explained.json()) as { steps: { about: string; mark: string }[] };
    expect(steps.find(({ about }) => about === "age")?.mark).toBe("good");
  });

  it("is counted in the metrics", async () => {
    const { cache } = await moved("counted");
    const response = await cache.ask("https://cache.example/metrics", { headers: bearer(ADMIN) });
    const line = (await response.text())
      .split("\n")
      .find((one) => one.startsWith("entrepot_tags_held "));
    expect(Number(line?.split(" ")[1])).toBeGreaterThan(0);
  });
});
