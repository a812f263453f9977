// Reach: whether an upstream could give it again, asked as seldom as can be.

import { expect, it } from "vitest";
import { readConfig } from "../../src/config/read.ts";
import { coverageOf } from "../../src/lifecycle/coverage.ts";
import { Reach } from "../../src/lifecycle/reach.ts";
import { RegistryError } from "../../src/oci/error.ts";
import { digestFor } from "../support/catalog.ts";

const ONE = digestFor("one");
const config = readConfig({
  RULES: [
    { prefix: "up", upstream: "registry.example" },
    { prefix: "off", upstream: "offline.example", offline: true },
    { prefix: "locked", upstream: "locked.example", credentials: "MISSING" },
    { prefix: "twice", upstream: "twice.example", offline: true },
    { prefix: "twice-too", upstream: "twice.example" },
  ],
});

/** An upstream that answers each HEAD so. */
function desk(answer: () => Headers | undefined, force = false, most?: number) {
  const asked: string[] = [];
  const upstream = {
    headManifest: async (source: { repository: string }) => {
      asked.push(source.repository);
      return answer();
    },
    manifest: async () => {
      throw new RegistryError("DENIED", "no", { upstreamStatus: 403 });
    },
  };
  const reach = new Reach(upstream, force, most);
  const of = (place: string) => reach.obstacle(place, coverageOf(config, place), ONE);
  return { asked, of };
}

const well = () => new Headers();
const broken = (status: number, upstreamStatus?: number) => () => {
  throw new RegistryError("UNAVAILABLE", "x", {
    status,
    ...(upstreamStatus && { upstreamStatus }),
  });
};

it.each<[string, () => Headers | undefined, string, string | undefined]>([
  ["an upstream that is well", well, "registry.example//a", undefined],
  ["one that does not have it", broken(404, 404), "registry.example//a", undefined],
  ["one that fails", broken(502, 500), "registry.example//a", "registry.example answered 500"],
  ["one that is silent", broken(504), "registry.example//a", "registry.example cannot be reached"],
  [
    "one that refuses HEAD and GET",
    () => undefined,
    "registry.example//a",
    "registry.example answered 403",
  ],
  ["a rule that is offline", well, "offline.example//a", 'the rule "off" is offline'],
  [
    "a rule without its secret",
    well,
    "locked.example~MISSING//a",
    'the rule "locked" cannot be used',
  ],
  ["two rules, of which one could", well, "twice.example//a", undefined],
  ["no rule", broken(502), "gone.example//a", undefined],
])("%s", async (_, answer, place, expected) => {
  expect(await desk(answer).of(place)).toBe(expected);
  expect(await desk(answer, true).of(place)).toBeUndefined();
});

it("a place is asked for once, and no more of them than a preview may", async () => {
  const { asked, of } = desk(broken(502, 500), false, 2);
  for (const name of ["a", "a", "b", "c"]) await of(`registry.example//${name}`);
  expect(asked).toEqual(["a", "b"]);
  expect(await of("registry.example//c")).toBeUndefined();
  expect(await of("offline.example//a")).toBe('the rule "off" is offline');
});
