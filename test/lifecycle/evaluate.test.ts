// Evaluation of lifecycle policies: ECR's documented examples, and what is ours beyond them.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Candidate } from "../../src/catalog/sweep/candidate.ts";
import { parsePolicies } from "../../src/config/lifecycle.ts";
import type { LifecyclePolicy } from "../../src/config/lifecycle-policy.ts";
import { evaluate } from "../../src/lifecycle/evaluate.ts";
import { digestFor } from "../support/catalog.ts";

const DAY = 24 * 60 * 60_000;
const NOW = Date.parse("2026-11-26T00:00:00Z");

function policyOf(...rules: object[]): LifecyclePolicy {
  return policy({ rules });
}

function policy(given: object): LifecyclePolicy {
  const parsed = parsePolicies(given, "policy");
  if ("problems" in parsed) throw new Error(parsed.problems.join("; "));
  return parsed.policies[0] as LifecyclePolicy;
}

function rule(rulePriority: number, selection: object): object {
  return { rulePriority, selection, action: { type: "expire" } };
}

/** An image that is named by its tags. @param days since it was cached */
function image(tags: string, days: number, more: Partial<Candidate> = {}): Candidate {
  return {
    place: "registry.example//team/app",
    digest: digestFor(`${tags} ${days} ${more.place}`),
    tags: tags.split(" ").filter((tag) => tag !== "" && !tag.startsWith("@")),
    pushedAt: NOW - days * DAY,
    size: 0,
    ...more,
  };
}

const names = (place: string) => [place.slice(place.indexOf("//") + 2)];

/** What expires, as `tags: rule`. */
function expired(policy: LifecyclePolicy, images: Candidate[]): string[] {
  const decisions = evaluate(policy, images, NOW, names);
  expect(decisions.map(({ candidate }) => candidate)).toEqual(images);
  return decisions.flatMap((decision) =>
    decision.action === "expire"
      ? [`${decision.candidate.tags.join(" ") || "-"}: ${decision.priority}`]
      : [],
  );
}

const days = (countNumber: number, countType = "sinceImagePushed") => {
  return { countType, countUnit: "days", countNumber };
};
const count = (countNumber: number) => ({ countType: "imageCountMoreThan", countNumber });
const untagged = { tagStatus: "untagged" };
const any = { tagStatus: "any" };
const prefixes = (...tagPrefixList: string[]) => ({ tagStatus: "tagged", tagPrefixList });
const patterns = (...tagPatternList: string[]) => ({ tagStatus: "tagged", tagPatternList });

/** "Examples of lifecycle policies in Amazon ECR": beta-1 and prod-1 on one image of 10 days, beta-2 and prod-2 on one of 9, beta-3 on
 * one of 8. */
const BETA_AND_PROD = [image("beta-1 prod-1", 10), image("beta-2 prod-2", 9), image("beta-3", 8)];

describe("ECR's examples", () => {
  const cases: {
    title: string;
    policy: LifecyclePolicy;
    images: Candidate[];
    expected: string[];
  }[] = [
    {
      title: "filtering on image age: untagged images of more than 14 days",
      policy: policyOf(rule(1, { ...untagged, ...days(14) })),
      images: [image("", 15), image("@1", 14), image("v1", 15)],
      expected: ["-: 1"],
    },
    {
      title: "filtering on image count: one untagged image is kept",
      policy: policyOf(rule(1, { ...untagged, ...count(1) })),
      images: [image("", 3), image("@1", 2), image("@2", 1), image("v1", 4)],
      expected: ["-: 1", "-: 1"],
    },
    {
      title: "filtering on multiple rules, A: prefixes",
      policy: policyOf(
        rule(1, { ...prefixes("prod"), ...count(1) }),
        rule(2, { ...prefixes("beta"), ...count(1) }),
      ),
      images: BETA_AND_PROD,
      expected: ["beta-1 prod-1: 1"],
    },
    {
      title: "filtering on multiple rules, A: patterns",
      policy: policyOf(
        rule(1, { ...patterns("prod*"), ...count(1) }),
        rule(2, { ...patterns("beta*"), ...count(1) }),
      ),
      images: BETA_AND_PROD,
      expected: ["beta-1 prod-1: 1"],
    },
    {
      title: "filtering on multiple rules, B: prefixes, the other way round",
      policy: policyOf(
        rule(1, { ...prefixes("beta"), ...count(1) }),
        rule(2, { ...prefixes("prod"), ...count(1) }),
      ),
      images: BETA_AND_PROD,
      expected: ["beta-1 prod-1: 1", "beta-2 prod-2: 1"],
    },
    {
      title: "filtering on multiple rules, B: patterns",
      policy: policyOf(
        rule(1, { ...patterns("beta*"), ...count(1) }),
        rule(2, { ...patterns("prod*"), ...count(1) }),
      ),
      images: BETA_AND_PROD,
      expected: ["beta-1 prod-1: 1", "beta-2 prod-2: 1"],
    },
    {
      title: "filtering on multiple tags in a single rule, A: alpha and prod on one image",
      policy: policyOf(rule(1, { ...prefixes("alpha", "prod"), ...days(5) })),
      images: [
        image("alpha-1", 12),
        image("beta-1", 11),
        image("alpha-2 prod-2", 10),
        image("alpha-4 prod-4", 4),
      ],
      expected: ["alpha-2 prod-2: 1"],
    },
    {
      title: "filtering on multiple tags in a single rule, B: patterns",
      policy: policyOf(rule(1, { ...patterns("alpha*", "prod*"), ...days(5) })),
      images: [
        image("alpha-1", 12),
        image("beta-1", 11),
        image("alpha-2 prod-2", 10),
        image("alpha-4 prod-4", 4),
      ],
      expected: ["alpha-2 prod-2: 1"],
    },
    {
      title: "filtering on all images, A: five are kept",
      policy: policyOf(rule(1, { ...any, ...count(1) })),
      images: [image("alpha-1", 12), image("beta-1", 11), image("", 10), image("alpha-2", 9)],
      expected: ["alpha-1: 1", "beta-1: 1", "-: 1"],
    },
    {
      title: "filtering on all images, B: by age",
      policy: policyOf(rule(1, { ...any, ...days(11) })),
      images: [image("alpha-1", 12), image("beta-1", 11), image("", 10)],
      expected: ["alpha-1: 1"],
    },
    {
      title: "filtering on all images, C: prod by count, the rest by age",
      policy: policyOf(
        rule(1, { ...prefixes("prod"), ...count(1) }),
        rule(2, { ...prefixes("beta"), ...days(1) }),
        rule(3, { ...any, ...days(0.5 + 0.5) }),
      ),
      images: [
        image("prod-1", 12),
        image("prod-2", 11),
        image("beta-1", 10),
        image("other", 2),
        image("", 1),
      ],
      expected: ["prod-1: 1", "beta-1: 2", "other: 3"],
    },
  ];
  it.each(cases)("$title", ({ policy, images, expected }) => {
    expect(expired(policy, images)).toEqual(expected);
  });
});

describe("rules", () => {
  it("are applied from the lowest priority on, in whatever order they are written", () => {
    const policy = policyOf(
      rule(20, { ...any, ...days(1) }),
      rule(10, { ...prefixes("v"), ...days(30) }),
    );
    expect(expired(policy, [image("v1", 10), image("v0", 31), image("w1", 10)])).toEqual([
      "v0: 10",
      "w1: 20",
    ]);
  });

  it("count what a higher one expires too", () => {
    // The old one is expired by rule 1, and is the second of two that rule 2 counts.
    const policy = policyOf(
      rule(1, { ...prefixes("old"), ...days(5) }),
      rule(2, { ...any, ...count(2) }),
    );
    const images = [image("new", 1), image("old", 6), image("older", 7), image("other", 8)];
    expect(expired(policy, images)).toEqual(["old: 1", "older: 1", "other: 2"]);
  });

  it.each([
    {
      title: "a prefix is the start of a tag",
      selection: prefixes("v1"),
      matching: "v1 v10 v1.2",
      others: "v2 av1",
    },
    {
      title: "a pattern is the whole tag",
      selection: patterns("v1"),
      matching: "v1",
      others: "v10 v1.2 av1",
    },
    {
      title: "a wildcard stands for anything, or nothing",
      selection: patterns("v*"),
      matching: "v v1 v1.2-rc",
      others: "av w",
    },
    {
      title: "several of them, in order",
      selection: patterns("*a*b*"),
      matching: "ab xaxbx a-b",
      others: "ba a b",
    },
    {
      title: "overlapping ends",
      selection: patterns("aba*aba"),
      matching: "abaaba aba-aba",
      others: "aba ababa",
    },
    { title: "dots are dots", selection: patterns("1.*"), matching: "1.0 1.", others: "10" },
  ])("$title", ({ selection, matching, others }) => {
    const policy = policyOf(rule(1, { ...selection, ...days(1) }));
    const images = `${matching} ${others}`.split(" ").map((tag) => image(tag, 2));
    expect(expired(policy, images)).toEqual(matching.split(" ").map((tag) => `${tag}: 1`));
  });

  it("count each repository by itself", () => {
    const policy = policyOf(rule(1, { ...any, ...count(1) }));
    const images = ["a", "b"].flatMap((name) => {
      const place = `registry.example//team/${name}`;
      return [image("new", 1, { place }), image("old", 2, { place })];
    });
    expect(expired(policy, images)).toEqual(["old: 1", "old: 1"]);
  });

  it("look at the last pull, or at the push of what was never pulled", () => {
    const policy = policyOf(rule(1, { ...any, ...days(90, "sinceImagePulled") }));
    const images = [
      image("pulled", 1000, { pulledAt: NOW - 90 * DAY }),
      image("forgotten", 1000, { pulledAt: NOW - 90 * DAY - 1 }),
      image("never", 91),
      image("new", 89),
    ];
    expect(expired(policy, images)).toEqual(["forgotten: 1", "never: 1"]);
    expect(evaluate(policy, images, NOW, names).map(({ reason }) => reason)).toEqual([
      "rule 1 keeps it",
      "last pulled more than 90 days ago",
      "never pulled; first cached 91 days ago; the limit is 90 days",
      "rule 1 keeps it",
    ]);
  });

  it("none: nothing expires", () => {
    expect(expired(policyOf(), [image("v1", 10_000)])).toEqual([]);
  });
});

describe("the size of all together", () => {
  const size = (countNumber: number) => {
    return { countType: "totalSizeMoreThan", countUnit: "gigabytes", countNumber };
  };
  const GB = 1e9;
  const part = (id: number, gigabytes = 1) => ({ id, bytes: gigabytes * GB });
  const used = (days: number, ...ids: number[]) => {
    return { pulledAt: NOW - days * DAY, parts: ids.map((id) => part(id)), size: ids.length * GB };
  };

  it("is that of the contents, each once; the least recently pulled go", () => {
    const policy = policyOf(rule(1, { ...any, ...size(3) }));
    const images = [
      image("a", 1, used(3, 1, 2)),
      image("b", 9, used(1, 1, 3)),
      image("c", 5, { ...used(2, 1, 4), place: "registry.example//other" }),
    ];
    // Contents 1, 2, 3, 4: without a, 1, 3 and 4 are left.
    expect(expired(policy, images)).toEqual(["a: 1"]);
    expect(expired(policyOf(rule(1, { ...any, ...size(2.5) })), images)).toEqual(["a: 1", "c: 1"]);
    expect(expired(policyOf(rule(1, { ...any, ...size(4) })), images)).toEqual([]);
  });

  it("does not count what leaves by another rule, and what is protected stays and counts", () => {
    const rules = [rule(1, { ...prefixes("old"), ...days(5) }), rule(2, { ...any, ...size(2) })];
    const images = [
      image("old", 6, used(1, 1)),
      image("safe", 1, used(9, 2)),
      image("a", 1, used(8, 3)),
      image("b", 1, used(7, 4)),
    ];
    const protecting = policy({ rules, protect: ["team/app:safe"] });
    expect(expired(protecting, images)).toEqual(["old: 1", "a: 2"]);
    expect(expired(policyOf(...rules), images)).toEqual(["old: 1", "safe: 2"]);
  });
});

describe("what is protected", () => {
  it.each([
    ["team/*", ["v1", "stable", ""]],
    ["*", ["v1", "stable", ""]],
    ["team/app:stable", ["stable"]],
    ["*:v*", ["v1"]],
    ["other/*", []],
  ])("%s", (glob, kept) => {
    const protecting = policy({ rules: [rule(1, { ...any, ...days(1) })], protect: [glob] });
    const images = ["v1", "stable", ""].map((tag) => image(tag, 2));
    const gone = expired(protecting, images).map((text) => text.split(":")[0]);
    const expected = ["v1", "stable", ""].filter((tag) => !kept.includes(tag));
    expect(gone).toEqual(expected.map((tag) => tag || "-"));
  });

  it("counts among those that are kept", () => {
    const protecting = policy({
      rules: [rule(1, { ...any, ...count(1) })],
      protect: ["team/app:safe"],
    });
    const images = [image("safe", 1), image("a", 2), image("b", 3)];
    expect(expired(protecting, images)).toEqual(["a: 1", "b: 1"]);
    const [first, second] = evaluate(protecting, images, NOW, names);
    expect(first?.reason).toBe('protected by "team/app:safe"');
    expect(second?.reason).toBe("image 2 of 3, newest first; 1 are kept");
  });
});

describe("whatever the policy and the images", () => {
  const selections = fc.oneof(
    fc.constant(untagged),
    fc.constant(any),
    fc
      .array(fc.constantFrom("a", "b", "ab"), { minLength: 1, maxLength: 2 })
      .map((list) => prefixes(...list)),
    fc
      .array(fc.constantFrom("*", "a*", "*b"), { minLength: 1, maxLength: 2 })
      .map((list) => patterns(...list)),
  );
  const counts = fc.oneof(
    fc.integer({ min: 1, max: 5 }).map(count),
    fc.integer({ min: 1, max: 9 }).map((number) => days(number)),
    fc.integer({ min: 1, max: 9 }).map((number) => days(number, "sinceImagePulled")),
  );
  const policies = fc
    .array(fc.record({ selection: selections, counted: counts }), { maxLength: 4 })
    .map((rules) =>
      rules.map(({ selection, counted }, index) => rule(index + 1, { ...selection, ...counted })),
    )
    .map((rules) => parsePolicies({ rules, protect: ["team/app:safe*"] }, "p"))
    .filter((parsed) => "policies" in parsed)
    .map((parsed) => (parsed as { policies: LifecyclePolicy[] }).policies[0] as LifecyclePolicy);
  const images = fc.array(
    fc
      .record({
        tags: fc.subarray(["a1", "b1", "ab", "safe"]),
        age: fc.integer({ min: 0, max: 10 }),
        used: fc.option(fc.integer({ min: 0, max: 10 }), { nil: undefined }),
        id: fc.uuid(),
      })
      .map(({ tags, age, used, id }) => ({
        ...image(tags.join(" "), age, used === undefined ? {} : { pulledAt: NOW - used * DAY }),
        digest: digestFor(id),
      })),
    { maxLength: 12 },
  );

  it("the protected stay, the order of images is nothing, and only the first rule that matches decides", () => {
    fc.assert(
      fc.property(policies, images, (policy, candidates) => {
        const decisions = evaluate(policy, candidates, NOW, names);
        const again = evaluate(policy, candidates.toReversed(), NOW, names).toReversed();
        expect(again).toEqual(decisions);
        for (const decision of decisions) {
          if (decision.action === "keep") continue;
          const { candidate, priority } = decision;
          expect(candidate.tags).not.toContain("safe");
          const alone = {
            ...policy,
            rules: policy.rules.filter((one) => one.priority === priority),
          };
          expect(
            evaluate(alone, candidates, NOW, names).find((one) => one.candidate === candidate)
              ?.action,
          ).toBe("expire");
        }
      }),
    );
  });
});
