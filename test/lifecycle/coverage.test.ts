// Which policies concern a place.

import { describe, expect, it } from "vitest";
import { readConfig } from "../../src/config/read.ts";
import { coverageBy, coverageOf } from "../../src/lifecycle/coverage.ts";

/** A policy that is known by its rule's priority. */
function policy(rulePriority: number, repositories?: string[]) {
  const selection = { tagStatus: "any", countType: "imageCountMoreThan", countNumber: 5 };
  const rules = [{ rulePriority, selection, action: { type: "expire" } }];
  return { rules, ...(repositories && { repositories }) };
}

function covers(env: Record<string, unknown>, place: string): string[] {
  return coverageOf(readConfig(env), place).covers.map(
    ({ owner, policy }) => `${owner} ${policy.rules[0]?.priority}`,
  );
}

const HUB = { prefix: ["docker.io", "hub"], upstream: "docker.io" };
const TEAM = { prefix: "team", upstream: "quay.io", upstreamPrefix: "acme/team" };
const ALPINE = "registry-1.docker.io//library/alpine";

describe("a place is covered by", () => {
  it.each<{ title: string; env: Record<string, unknown>; place: string; expected: string[] }>([
    { title: "the default", env: { RULES: [HUB] }, place: ALPINE, expected: ["default 1"] },
    {
      title: "LIFECYCLE",
      env: { RULES: [HUB], LIFECYCLE: policy(2) },
      place: ALPINE,
      expected: ["LIFECYCLE 2"],
    },
    {
      title: "the rule's own",
      env: { RULES: [{ ...HUB, lifecycle: policy(3) }], LIFECYCLE: policy(2) },
      place: ALPINE,
      expected: ["docker.io 3"],
    },
    {
      title: "the first that speaks of it",
      env: {
        RULES: [{ ...HUB, lifecycle: [policy(3, ["other"]), policy(4, ["library/*"]), policy(5)] }],
      },
      place: ALPINE,
      expected: ["docker.io 4"],
    },
    {
      title: "docker's short name",
      env: { RULES: [HUB], LIFECYCLE: [policy(3, ["alpine"])] },
      place: ALPINE,
      expected: ["LIFECYCLE 3"],
    },
    {
      title: "a name with a prefix",
      env: { RULES: [HUB], LIFECYCLE: [policy(3, ["hub/library/*"])] },
      place: ALPINE,
      expected: ["LIFECYCLE 3"],
    },
    {
      title: "LIFECYCLE, where the rule's own does not speak of it",
      env: { RULES: [{ ...HUB, lifecycle: policy(3, ["other"]) }], LIFECYCLE: policy(2) },
      place: ALPINE,
      expected: ["LIFECYCLE 2"],
    },
    {
      title: "the default, where nothing speaks of it",
      env: { RULES: [HUB], LIFECYCLE: policy(2, ["other"]) },
      place: ALPINE,
      expected: ["default 1"],
    },
    {
      title: "the default, where no rule leads there",
      env: { RULES: [HUB] },
      place: "gone.example//a",
      expected: ["default 1"],
    },
    {
      title: "the default, where the place is not known",
      env: { RULES: [HUB] },
      place: "?",
      expected: ["default 1"],
    },
    {
      title: "a rule under its upstreamPrefix",
      env: { RULES: [{ ...TEAM, lifecycle: policy(3, ["app"]) }] },
      place: "quay.io//acme/team/app",
      expected: ["team 3"],
    },
    {
      title: "no rule beside its upstreamPrefix",
      env: { RULES: [{ ...TEAM, lifecycle: policy(3) }] },
      place: "quay.io//acme/teams/app",
      expected: ["default 1"],
    },
    {
      title: "all rules that lead there",
      env: {
        RULES: [
          { ...TEAM, lifecycle: policy(3) },
          { prefix: "quay.io", upstream: "quay.io", lifecycle: policy(4) },
        ],
      },
      place: "quay.io//acme/team/app",
      expected: ["team 3", "quay.io 4"],
    },
    {
      title: "one policy once",
      env: { RULES: [TEAM, { prefix: "quay.io", upstream: "quay.io" }], LIFECYCLE: policy(2) },
      place: "quay.io//acme/team/app",
      expected: ["LIFECYCLE 2"],
    },
    {
      title: "the rule with those credentials",
      env: {
        RULES: [
          {
            prefix: "a",
            upstream: "http://127.0.0.1:5000",
            credentials: "A",
            lifecycle: policy(3),
          },
          { prefix: "b", upstream: "http://127.0.0.1:5000", lifecycle: policy(4) },
        ],
      },
      place: "http://127.0.0.1:5000~A//app",
      expected: ["a 3"],
    },
  ])("$title", ({ env, place, expected }) => {
    expect(covers(env, place)).toEqual(expected);
  });

  it("a policy that is given, where that speaks of it", () => {
    const config = readConfig({ RULES: [HUB], LIFECYCLE: policy(2) });
    const { lifecycle: policies } = readConfig({
      RULES: [HUB],
      LIFECYCLE: policy(7, ["library/*"]),
    });
    const by = (place: string) => coverageBy({ ...config, policies }, place);
    expect(by(ALPINE)).toMatchObject({
      covers: [{ owner: "given" }],
      name: "docker.io/library/alpine",
    });
    expect(by("registry-1.docker.io//other").covers).toEqual([]);
  });
});
