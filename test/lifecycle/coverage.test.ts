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
  it.each<[string, Record<string, unknown>, string, string[]]>([
    ["the default", { RULES: [HUB] }, ALPINE, ["default 1"]],
    ["LIFECYCLE", { RULES: [HUB], LIFECYCLE: policy(2) }, ALPINE, ["LIFECYCLE 2"]],
    [
      "the rule's own",
      { RULES: [{ ...HUB, lifecycle: policy(3) }], LIFECYCLE: policy(2) },
      ALPINE,
      ["docker.io 3"],
    ],
    [
      "the first that speaks of it",
      {
        RULES: [{ ...HUB, lifecycle: [policy(3, ["other"]), policy(4, ["library/*"]), policy(5)] }],
      },
      ALPINE,
      ["docker.io 4"],
    ],
    [
      "docker's short name",
      { RULES: [HUB], LIFECYCLE: [policy(3, ["alpine"])] },
      ALPINE,
      ["LIFECYCLE 3"],
    ],
    [
      "a name with a prefix",
      { RULES: [HUB], LIFECYCLE: [policy(3, ["hub/library/*"])] },
      ALPINE,
      ["LIFECYCLE 3"],
    ],
    [
      "LIFECYCLE, where the rule's own does not speak of it",
      { RULES: [{ ...HUB, lifecycle: policy(3, ["other"]) }], LIFECYCLE: policy(2) },
      ALPINE,
      ["LIFECYCLE 2"],
    ],
    [
      "the default, where nothing speaks of it",
      { RULES: [HUB], LIFECYCLE: policy(2, ["other"]) },
      ALPINE,
      ["default 1"],
    ],
    ["the default, where no rule leads there", { RULES: [HUB] }, "gone.example//a", ["default 1"]],
    ["the default, where the place is not known", { RULES: [HUB] }, "?", ["default 1"]],
    [
      "a rule under its upstreamPrefix",
      { RULES: [{ ...TEAM, lifecycle: policy(3, ["app"]) }] },
      "quay.io//acme/team/app",
      ["team 3"],
    ],
    [
      "no rule beside its upstreamPrefix",
      { RULES: [{ ...TEAM, lifecycle: policy(3) }] },
      "quay.io//acme/teams/app",
      ["default 1"],
    ],
    [
      "all rules that lead there",
      {
        RULES: [
          { ...TEAM, lifecycle: policy(3) },
          { prefix: "quay.io", upstream: "quay.io", lifecycle: policy(4) },
        ],
      },
      "quay.io//acme/team/app",
      ["team 3", "quay.io 4"],
    ],
    [
      "one policy once",
      { RULES: [TEAM, { prefix: "quay.io", upstream: "quay.io" }], LIFECYCLE: policy(2) },
      "quay.io//acme/team/app",
      ["LIFECYCLE 2"],
    ],
    [
      "the rule with those credentials",
      {
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
      "http://127.0.0.1:5000~A//app",
      ["a 3"],
    ],
  ])("%s", (_, env, place, expected) => {
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
