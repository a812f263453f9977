// Numbers: what /metrics, the statistics, the report and the events say of a load is what the load did.

import { afterEach, describe, expect, it, vi } from "vitest";
import { ADMIN, api, bearer, shut, shutCache, VIEWER } from "../support/access.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { catalog, DAY } from "../support/lifecycle.ts";
import { receive } from "../support/transfers.ts";
import { eventually } from "../support/waiting.ts";

const HEX = "e".repeat(64);

afterEach(() => {
  vi.restoreAllMocks();
});

let count = 0;
/** A cache with one rule, whose name no other test counts under. */
function counted(fields: object = {}, overrides: object = {}) {
  count += 1;
  const rule = `counted-${count}-${crypto.randomUUID().slice(0, 6)}`;
  const upstream = fixture.url("open") + apartPath();
  const RULES = [{ prefix: rule, upstream, anonymous: true, ...fields }];
  return { rule, cache: shutCache({ RULES, ...overrides }) };
}

const metricsOf = async (cache: Cache, headers: Record<string, string> = bearer(VIEWER)) => {
  const response = await cache.ask("https://cache.example/metrics", { headers });
  expect(response.status).toBe(200);
  return response.text();
};

/** The values of a family whose labels hold those, by the labels that are left. */
function valuesOf(text: string, name: string, labels: Record<string, string>) {
  const values: Record<string, number> = {};
  for (const line of text.split("\n")) {
    const [, family, inside = "", value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (family !== name) continue;
    const all = [...inside.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, one]) => [
      key,
      one,
    ]);
    if (!Object.entries(labels).every(([k, v]) => all.some(([key, one]) => key === k && one === v)))
      continue;
    const rest = all.filter(([key]) => !((key as string) in labels)).map(([, one]) => one);
    values[rest.join(" ")] = Number(value);
  }
  return values;
}

/** Pulls cold, warm, and what is not there. */
async function load(cache: Cache, rule: string) {
  const name = repository("load");
  const { digest, layers } = await fixture.image(name, "1", { layers: [5_000] });
  const layer = layers[0]?.digest as string;
  const get = async (path: string, init: RequestInit = {}) => {
    const response = await cache.fetch(`${rule}/${name}/${path}`, init);
    if (response.ok) await receive(Promise.resolve(response));
    await cache.settled();
    return response.status;
  };
  expect(await get("manifests/1")).toBe(200);
  for (let at = 0; at < 3; at++) expect(await get("manifests/1")).toBe(200);
  expect(await get("manifests/1", { method: "HEAD" })).toBe(200);
  for (let at = 0; at < 2; at++) expect(await get(`blobs/${layer}`)).toBe(200);
  expect(await get("manifests/none")).toBe(404);
  expect(await get(`blobs/sha256:${HEX}`)).toBe(404);
  const size = (await cache.bytes(`${rule}/${name}/manifests/1`)).byteLength; // the fifth pull
  await cache.settled();
  return { name, digest, layer, size };
}

describe("after traffic, once it has been reported", () => {
  it("the metrics have the traffic", async () => {
    const { rule, cache } = counted();
    const { size } = await load(cache, rule);
    await eventually(async () => {
      const text = await metricsOf(cache);
      const fetched = valuesOf(text, "entrepot_fetched_bytes_total", { rule });
      expect(fetched).toEqual({ "": 5_000 + size });
      expect(valuesOf(text, "entrepot_requests_total", { rule })).toEqual({
        "manifest hit": 5,
        "manifest miss": 1,
        "manifest unknown": 1,
        "blob miss": 1,
        "blob hit": 1,
        "blob unknown": 1,
      });
      expect(valuesOf(text, "entrepot_pulls_total", { rule })).toEqual({
        hit: 4,
        miss: 1,
        unknown: 1,
      });
      expect(valuesOf(text, "entrepot_served_bytes_total", { rule })).toEqual({
        "": 10_000 + 5 * size,
      });
    });
    const text = await metricsOf(cache);
    const requests = valuesOf(text, "entrepot_upstream_requests_total", { rule });
    expect(requests).toMatchObject({
      "manifest HEAD 200": 1,
      "manifest GET 200": 1,
      "blob GET 206": 1,
      "manifest HEAD 404": 1,
    });
    const waits = valuesOf(text, "entrepot_upstream_duration_seconds_count", { rule });
    const all = valuesOf(text, "entrepot_upstream_requests_total", { rule });
    expect(Object.values(waits)).toEqual([Object.values(all).reduce((sum, one) => sum + one, 0)]);
    expect(valuesOf(text, "entrepot_fills_in_progress", {})).toEqual({ "": 0 });
  });

  it("the statistics and the report agree with it", async () => {
    const { rule, cache } = counted();
    const { name, size } = await load(cache, rule);
    const expected = {
      pulls: 5,
      upstreamPulls: 1,
      bytesServed: 10_000 + 5 * size,
      bytesFetched: 5_000 + size,
    };
    await eventually(async () => {
      const { rows } = (await (await api(cache, "GET", "stats?by=rule")).json()) as {
        rows: { rule: string }[];
      };
      expect(rows.find((row) => row.rule === rule)).toMatchObject({ ...expected, errors: 0 });
    });
    const byRepository = (await (await api(cache, "GET", "stats?by=repository&n=1000")).json()) as {
      rows: { repository: string }[];
    };
    expect(byRepository.rows.find(({ repository }) => repository.endsWith(name))).toMatchObject({
      rule,
      ...expected,
    });
    const report = (await (await api(cache, "GET", "report")).json()) as {
      byRule: { rule: string }[];
      cost: { lines: { item: string; used: number }[]; total: number };
    };
    expect(report.byRule.find((row) => row.rule === rule)).toEqual({
      rule,
      ...expected,
      pullsAvoided: 4,
      bytesAvoided: 5_000 + 4 * size,
    });
    const used = Object.fromEntries(report.cost.lines.map((line) => [line.item, line.used]));
    for (const item of ["worker_request", "object_request", "kv_read", "kv_write", "r2_class_a"])
      expect([item, used[item] ?? 0]).toEqual([item, expect.toSatisfy((one) => one > 0)]);
    expect(report.cost.total).toBeGreaterThanOrEqual(5);
  });

  it("the statistics by hour add up to those by day, and are kept for eight days", async () => {
    const { rule, cache } = counted();
    type Rows = { rows: { hour?: string; day?: string; pulls: number }[] };
    const pulls = async (query: string) => {
      const { rows } = (await (await api(cache, "GET", `stats?${query}`)).json()) as Rows;
      return rows.reduce((sum, row) => sum + row.pulls, 0);
    };
    const before = [await pulls("by=hour&days=1"), await pulls("by=day&days=2")];
    await load(cache, rule);
    await eventually(async () => {
      const after = [await pulls("by=hour&days=1"), await pulls("by=day&days=2")];
      expect(after.map((sum, at) => sum - (before[at] as number))).toEqual([5, 5]);
    });
    const { rows } = (await (await api(cache, "GET", "stats?by=hour&days=1")).json()) as Rows;
    for (const { hour } of rows) expect(hour).toMatch(/^[\dT-]+:00:00\.000Z$/);
    expect((await api(cache, "GET", "stats?by=hour&days=9")).status).toBe(400);
    await catalog.trim(Date.now() + 9 * DAY);
    expect(await pulls("by=hour&days=8")).toBe(0);
  });

  it("upstreams' hours have their requests, failures and what was left", async () => {
    const { rule, cache } = counted({ tagTtl: "0s", staleIfError: "0s" });
    const name = repository("hours");
    await fixture.image(name, "1");
    const headers = { "ratelimit-limit": "100;w=21600", "ratelimit-remaining": "42;w=21600" };
    await fixture.fault({ match: { repository: name }, times: 1, do: { headers } });
    expect((await cache.fetch(`${rule}/${name}/manifests/1`)).status).toBe(200);
    await fixture.fault({ match: { repository: name }, times: 1, do: { status: 500 } });
    expect((await cache.fetch(`${rule}/${name}/manifests/1`)).status).toBe(502);
    await cache.settled();
    await eventually(async () => {
      const { upstreams } = (await (await api(cache, "GET", "upstreams")).json()) as {
        upstreams: { upstream: string }[];
      };
      const { hours } = (await (await api(cache, "GET", "upstreams/history?hours=2")).json()) as {
        hours: { upstream: string; requests: number }[];
      };
      const own = hours.filter(({ upstream }) => upstream === upstreams[0]?.upstream);
      expect(own.length).toBeGreaterThan(0);
      const sum = (of: string) =>
        own.reduce((all, one) => all + ((one as unknown as Record<string, number>)[of] ?? 0), 0);
      expect([sum("failures"), sum("limited"), sum("pullsLeft")]).toEqual([1, 0, 42]);
      expect(sum("requests")).toBe((await fixture.requests({ repository: name })).length);
    });
  });
});

describe("/metrics", () => {
  it("is text for Prometheus, in the requested format", async () => {
    const { cache } = counted();
    const ask = (accept: string) =>
      cache.ask("https://cache.example/metrics", {
        headers: { ...bearer(VIEWER), Accept: accept },
      });
    const plain = await ask("text/plain");
    expect(plain.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const text = await plain.text();
    expect(text).toContain("# TYPE entrepot_requests_total counter");
    expect(text).not.toContain("# EOF");
    const open = await ask("application/openmetrics-text;version=1.0.0,text/plain;q=0.5");
    expect(open.headers.get("content-type")).toMatch(/^application\/openmetrics-text; version=1/);
    const lines = (await open.text()).split("\n");
    expect(lines).toContain("# TYPE entrepot_requests counter");
    expect(lines.slice(-2)).toEqual(["# EOF", ""]);
    // Every value is of a family that was told before it.
    let family = "";
    for (const line of lines.filter((one) => one !== "" && one !== "# EOF")) {
      const [, named] = /^# (?:HELP|TYPE) (\w+) /.exec(line) ?? [];
      if (named !== undefined) family = named;
      else expect(line).toMatch(new RegExp(`^${family}(_total|_bucket|_sum|_count)?(\\{.*\\})? `));
    }
  });

  it("histograms' buckets grow, and end with their count", async () => {
    const { rule, cache } = counted();
    await load(cache, rule);
    const text = await metricsOf(cache);
    const labels = { kind: "manifest", result: "hit" };
    const name = "entrepot_request_duration_seconds";
    const bound = (le: string) => (le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le));
    const buckets = Object.entries(valuesOf(text, `${name}_bucket`, labels))
      .toSorted(([a], [b]) => bound(a) - bound(b)) // an object has "1" before "0.5"
      .map(([, count]) => count);
    expect(buckets).toEqual(buckets.toSorted((a, b) => a - b));
    expect(buckets.at(-1)).toBe(valuesOf(text, `${name}_count`, labels)[""]);
  });

  it("is for viewers, admins and the metrics token, which opens nothing else", async () => {
    const METRICS_TOKEN = "a-metrics-token-of-the-tests-0123";
    const { cache } = counted({}, { METRICS_TOKEN });
    const ask = async (token: string | null, path = "metrics") =>
      (
        await cache.ask(`https://cache.example/${path}`, {
          headers: token === null ? {} : bearer(token),
        })
      ).status;
    for (const token of [METRICS_TOKEN, VIEWER, ADMIN]) expect(await ask(token)).toBe(200);
    expect([await ask(null), await ask("another-token-0123456789")]).toEqual([401, 401]);
    expect(await ask(METRICS_TOKEN, "api/about")).toBe(401);
    const alone = new Cache({ ...shut(), ADMIN_TOKEN: "", VIEWER_TOKEN: "", METRICS_TOKEN });
    const requests = (headers: Record<string, string>) =>
      alone.ask("https://cache.example/metrics", { headers });
    expect((await requests(bearer(METRICS_TOKEN))).status).toBe(200);
    expect((await requests(bearer("wrong"))).status).toBe(401);
    expect((await requests({})).status).toBe(404);
  });

  it("names no repository, tag, address or token: labels have few values", async () => {
    const { rule, cache } = counted();
    const { name } = await load(cache, rule);
    const text = await metricsOf(cache);
    expect(text).toContain(rule);
    expect(text).not.toContain(name);
  });
});

describe("events", () => {
  interface Event {
    id: number;
    what: string;
    place?: string;
    digest?: string;
    tag?: string;
    before?: string;
    detail?: string;
  }
  const eventsOf = async (cache: Cache, after = 0): Promise<{ events: Event[]; next: number }> =>
    (await api(cache, "GET", `events?n=1000&after=${after}`)).json();

  it("report cached images and moved tags after a given id", async () => {
    const { rule, cache } = counted({ tagTtl: "0s" });
    const name = repository("events");
    const first = await fixture.image(name, "1");
    await cache.bytes(`${rule}/${name}/manifests/1`);
    await cache.settled();
    const about = ({ events }: { events: Event[] }) =>
      events.filter(({ place }) => place?.endsWith(`//${name}`));
    const before = await eventually(async () => {
      const recorded = await eventsOf(cache);
      expect(about(recorded)).toMatchObject([{ what: "image.cached", digest: first.digest }]);
      return recorded;
    });
    const second = await fixture.image(name, "1", { layers: [17] });
    later(1_000);
    await cache.bytes(`${rule}/${name}/manifests/1`);
    await cache.settled();
    await eventually(async () => {
      const recorded = await eventsOf(cache, before.next);
      expect(about(recorded)).toContainEqual(
        expect.objectContaining({
          what: "tag.moved",
          tag: "1",
          before: first.digest,
          digest: second.digest,
        }),
      );
      expect(about(recorded)).toHaveLength(2);
      expect(Math.min(...recorded.events.map(({ id }) => id))).toBeGreaterThan(before.next);
      const ids = recorded.events.map(({ id }) => id);
      expect(ids).toEqual(ids.toSorted((a, b) => a - b));
      const { events, next } = await eventsOf(cache, recorded.next);
      expect([events, next]).toEqual([[], recorded.next]);
    });
  });

  it("report content that does not match its digest", async () => {
    const { rule, cache } = counted();
    const name = repository("unverified");
    const { digest, layers } = await fixture.image(name, "1", { layers: [2_000] });
    const layer = layers[0]?.digest as string;
    await fixture.fault({
      match: { repository: name, reference: layer },
      times: 0,
      do: { status: 200, body: "x".repeat(2_000) },
    });
    await fixture.fault({
      match: { repository: name, reference: digest },
      times: 0,
      do: { status: 200, body: "{}" },
    });
    for (const path of [`blobs/${layer}`, `manifests/${digest}`])
      expect((await cache.fetch(`${rule}/${name}/${path}`)).status).toBe(502);
    await cache.settled();
    await eventually(async () => {
      const { events } = await eventsOf(cache);
      const own = events.filter(({ place }) => place?.endsWith(`//${name}`));
      expect(new Set(own.map(({ what, digest: of }) => `${what} ${of}`))).toEqual(
        new Set([`verification.failed ${layer}`, `verification.failed ${digest}`]),
      );
    });
    const text = await metricsOf(cache);
    const failed = valuesOf(text, "entrepot_verification_failures_total", { rule });
    expect(failed[""]).toBeGreaterThanOrEqual(2);
  });

  it("report an upstream that limits, and its recovery", async () => {
    const { rule, cache } = counted({ tagTtl: "0s" });
    const name = repository("limits");
    await fixture.image(name, "1");
    const before = (await eventsOf(cache)).next;
    await fixture.fault({
      match: { repository: name },
      times: 1,
      do: { status: 429, headers: { "retry-after": "1" } },
    });
    expect((await cache.fetch(`${rule}/${name}/manifests/1`)).status).toBe(429);
    later(2_000);
    expect((await cache.fetch(`${rule}/${name}/manifests/1`)).status).toBe(200);
    await cache.settled();
    await eventually(async () => {
      const { events } = await eventsOf(cache, before);
      const kinds = events.map(({ what }) => what).filter((what) => what.startsWith("upstream."));
      expect(kinds).toEqual(["upstream.limited", "upstream.up"]);
    });
  });
});

describe("prices", () => {
  it("have a date, and can be configured", async () => {
    const PRICES = {
      dated: "2027-01-01",
      plan: 0,
      items: { worker_request: { included: 0, price: 1_000_000 } },
    };
    for (const given of [PRICES, JSON.stringify(PRICES)]) {
      const { rule, cache } = counted({}, { PRICES: given });
      await load(cache, rule);
      const report = (await (await api(cache, "GET", "report")).json()) as {
        cost: { prices: string; lines: { item: string; used: number; cost: number }[] };
      };
      expect(report.cost.prices).toBe("2027-01-01");
      const line = report.cost.lines.find(({ item }) => item === "worker_request");
      expect(line?.cost).toBe(line?.used);
      expect(line?.used).toBeGreaterThan(0);
    }
  });

  it.each([
    ["{", "PRICES: is not JSON"],
    [{ plan: 5 }, "PRICES.dated: must be a date"],
    [{ dated: "2027-01-01", items: { gold: {} } }, "PRICES.items"],
    [{ dated: "2027-01-01", items: { kv_read: { price: -1 } } }, "PRICES.items.kv_read.price"],
  ])("%j are refused with the field's path", async (PRICES, path) => {
    const { cache } = counted({}, { PRICES });
    const response = await api(cache, "GET", "report");
    expect(response.status).toBe(500);
    expect(((await response.json()) as { detail: string }).detail).toContain(path);
  });
});
