// Freshness as a property, with a virtual clock: whatever the order of pulls, moves, deletions, outages and time, (1) no digest
// is ever answered that the tag never had, (2) none that is older than the TTL, but for an outage, (3) no second check in a TTL.

import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { afterEach, expect, it, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";
import type { Image } from "../support/fixture.ts";

const { TAG_FILL } = env as unknown as Env;

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const TTL = 5 * MINUTE;
const STALE_IF_ERROR = 2 * 60 * MINUTE;
/** After how long the tag's object forgets, and KV alone knows. */
const REMEMBERED = 5 * MINUTE;
/** For how long what is unknown, and a failure that something is served for, are remembered. */
const NEGATIVE = 10 * SECOND;
/** For how long at most an upstream that is well again may not be noticed. */
const UNNOTICED = MINUTE + NEGATIVE;
const TAGS = 3;

afterEach(() => vi.useRealTimers());

type Step =
  | { do: "pull"; method: "GET" | "HEAD" }
  | { do: "move"; to: number }
  | { do: "delete" }
  | { do: "break" }
  | { do: "heal" }
  | { do: "wait"; time: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant("pull" as const),
        method: fc.constantFrom("GET" as const, "HEAD" as const),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("move" as const), to: fc.nat(TAGS - 1) }) },
    { weight: 1, arbitrary: fc.constant({ do: "delete" as const }) },
    { weight: 1, arbitrary: fc.constant({ do: "break" as const }) },
    { weight: 1, arbitrary: fc.constant({ do: "heal" as const }) },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant("wait" as const),
        time: fc
          .constantFrom(1, 4, 6, 11, 30, 61, 150, 301, 400, 3600, 9000)
          .map((seconds) => seconds * SECOND),
      }),
    },
  ),
  { minLength: 8, maxLength: 40 },
);

/** What was true from when on; the last is so still. */
class Timeline<T> {
  readonly changes: { at: number; value: T }[] = [];

  set(at: number, value: T): void {
    this.changes.push({ at, value });
  }

  get now(): T {
    return this.changes.at(-1)?.value as T;
  }

  /** The stretches of time between `from` and `to` in which `is`. */
  stretches(is: (value: T) => boolean, from: number, to: number): [number, number][] {
    return this.changes.flatMap(({ at, value }, index): [number, number][] => {
      const begin = Math.max(at, from);
      const end = Math.min(this.changes[index + 1]?.at ?? Number.POSITIVE_INFINITY, to);
      return is(value) && begin <= end ? [[begin, end]] : [];
    });
  }
}

class World {
  readonly name = repository("model");
  readonly path = apartPath();
  readonly cache = new Cache({
    RULES: [
      {
        prefix: "p",
        upstream: fixture.url("open") + this.path,
        tagTtl: "5m",
        staleIfError: "2h",
      },
    ],
  });
  readonly tag = new Timeline<string | undefined>();
  readonly up = new Timeline<boolean>();
  readonly checks: { at: number; status: number }[] = [];
  images: Image[] = [];
  now = 1_800_000_000_000;
  #seen = 0;

  async begin(): Promise<void> {
    this.#tick(0);
    for (let at = 0; at < TAGS; at++) {
      this.images.push(await fixture.image(this.name, undefined, { seed: `${this.name}-${at}` }));
    }
    this.up.set(this.now, true);
    this.tag.set(this.now, undefined);
    await this.step({ do: "move", to: 0 });
  }

  async step(step: Step): Promise<void> {
    switch (step.do) {
      case "wait":
        return this.#wait(step.time);
      case "move": {
        const digest = this.images[step.to]?.digest as string;
        this.tag.set(this.now, digest);
        return fixture.tag(this.name, "1", digest);
      }
      case "delete":
        this.tag.set(this.now, undefined);
        return fixture.remove(this.name, "1");
      case "break":
        if (!this.up.now) return;
        this.up.set(this.now, false);
        await fixture.fault({ match: { repository: this.name }, times: 0, do: { status: 503 } });
        return;
      case "heal":
        if (this.up.now) return;
        this.up.set(this.now, true);
        return fixture.heal({ repository: this.name });
      case "pull":
        return this.#pull(step.method);
    }
  }

  #tick(time: number): void {
    this.now += time;
    vi.useFakeTimers({ toFake: ["Date"], now: this.now });
  }

  async #wait(time: number): Promise<void> {
    this.#tick(time);
    if (time < REMEMBERED) return;
    const source = `${fixture.url("open")}${this.path}/${this.name}`;
    await runDurableObjectAlarm(TAG_FILL.get(TAG_FILL.idFromName(`${source}:1`)));
  }

  async #pull(method: "GET" | "HEAD"): Promise<void> {
    const response = await this.cache.fetch(`p/${this.name}/manifests/1`, { method });
    await response.arrayBuffer();
    const records = await fixture.requests({ repository: this.name, reference: "1" });
    for (const { method: asked, status } of records.slice(this.#seen)) {
      if (asked === "HEAD") this.checks.push({ at: this.now, status });
    }
    this.#seen = records.length;
    const digest = response.headers.get("docker-content-digest");
    const isLabelled = response.headers.has("warning");
    if (response.status === 200) this.#mustBeTrue(digest as string, isLabelled);
    else if (response.status === 404) this.#mustBeAbsent();
    else this.#mustBeDown();
    expect([200, 404, 503]).toContain(response.status);
  }

  /** (1) and (2): what is older than the TTL says so, and only while the upstream is out of order. */
  #mustBeTrue(digest: string, isLabelled: boolean): void {
    const meant = this.tag.stretches((value) => value === digest, 0, this.now);
    expect(meant, `the tag never meant ${digest}`).not.toEqual([]);
    const age = this.now - (meant.at(-1)?.[1] as number);
    expect(age).toBeLessThanOrEqual(isLabelled ? TTL + STALE_IF_ERROR : TTL);
    if (isLabelled) this.#mustBeDown();
  }

  #mustBeAbsent(): void {
    const absent = this.tag.stretches(
      (value) => value === undefined,
      this.now - NEGATIVE,
      this.now,
    );
    expect(absent, "404 of a tag that is there").not.toEqual([]);
  }

  #mustBeDown(): void {
    const down = this.up.stretches((up) => !up, this.now - UNNOTICED, this.now);
    expect(down, "the upstream is well").not.toEqual([]);
  }

  /** (3) One that found nothing is repeated sooner, and so is one that failed: three times at once, where there is nothing
   * to serve instead, and then the upstream is left alone. */
  checksMustBeRare(): void {
    this.checks.forEach(({ at, status }, index) => {
      const least = { 200: TTL, 404: NEGATIVE }[status] ?? SECOND;
      const next = this.checks[index + (status === 503 ? 3 : 1)];
      if (!next) return;
      expect(next.at - at, `checks, of which one answered ${status}`).toBeGreaterThanOrEqual(least);
    });
  }
}

it("holds for any order of pulls, moves, deletions, outages and time", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const world = new World();
      await world.begin();
      for (const step of all) await world.step(step);
      world.checksMustBeRare();
    }),
    {
      seed: 20_261_125,
      numRuns: 120,
      interruptAfterTimeLimit: 270_000,
      markInterruptAsFailure: true,
    },
  );
}, 300_000);
