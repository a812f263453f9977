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
function reachOf(answer: () => Headers | undefined, force = false, most?: number) {
  const requested: string[] = [];
  const upstream = {
    headManifest: async (source: { repository: string }) => {
      requested.push(source.repository);
      return answer();
    },
    manifest: async () => {
      throw new RegistryError("DENIED", "no", { upstreamStatus: 403 });
    },
  };
  const reach = new Reach(upstream, force, most);
  const of = (place: string) => reach.obstacle(place, coverageOf(config, place), ONE);
  return { requested, of };
}

const well = () => new Headers();
const broken = (status: number, upstreamStatus?: number) => () => {
  throw new RegistryError("UNAVAILABLE", "x", {
    status,
    ...(upstreamStatus && { upstreamStatus }),
  });
};

it.each<{
  title: string;
  answer: () => Headers | undefined;
  place: string;
  expected: string | undefined;
}>([
  {
    title: "an upstream that is well",
    answer: well,
    place: "registry.example//a",
    expected: undefined,
  },
  {
    title: "one that does not have it",
    answer: broken(404, 404),
    place: "registry.example//a",
    expected: undefined,
  },
  {
    title: "one that fails",
    answer: broken(502, 500),
    place: "registry.example//a",
    expected: "registry.example answered 500",
  },
  {
    title: "one that is silent",
    answer: broken(504),
    place: "registry.example//a",
    expected: "registry.example cannot be reached",
  },
  {
    title: "one that refuses HEAD and GET",
    answer: () => undefined,
    place: "registry.example//a",
    expected: "registry.example answered 403",
  },
  {
    title: "a rule that is offline",
    answer: well,
    place: "offline.example//a",
    expected: 'the rule "off" is offline',
  },
  {
    title: "a rule without its secret",
    answer: well,
    place: "locked.example~MISSING//a",
    expected: 'the rule "locked" cannot be used',
  },
  {
    title: "two rules, of which one could",
    answer: well,
    place: "twice.example//a",
    expected: undefined,
  },
  { title: "no rule", answer: broken(502), place: "gone.example//a", expected: undefined },
])("$title", async ({ answer, place, expected }) => {
  expect(await reachOf(answer).of(place)).toBe(expected);
  expect(await reachOf(answer, true).of(place)).toBeUndefined();
});

it("a place is asked for once, and no more of them than a preview may", async () => {
  const { requested, of } = reachOf(broken(502, 500), false, 2);
  for (const name of ["a", "a", "b", "c"]) await of(`registry.example//${name}`);
  expect(requested).toEqual(["a", "b"]);
  expect(await of("registry.example//c")).toBeUndefined();
  expect(await of("offline.example//a")).toBe('the rule "off" is offline');
});
