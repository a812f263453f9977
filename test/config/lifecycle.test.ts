// Lifecycle policies at the door.

import { describe, expect, it } from "vitest";
import { DEFAULT_LIFECYCLE, parsePolicies } from "../../src/config/lifecycle.ts";
import { type ConfigError, readConfig } from "../../src/config/read.ts";

const ACTION = { action: { type: "expire" } };
const COUNT = { countType: "imageCountMoreThan", countNumber: 5 };
const ANY = { tagStatus: "any", ...COUNT };

function rule(selection: object, rulePriority: unknown = 1): object {
  return { rulePriority, selection, ...ACTION };
}

function problemsOf(policy: unknown): string[] {
  const parsed = parsePolicies(policy, "LIFECYCLE");
  return "problems" in parsed ? parsed.problems : [];
}

const RULES = [{ prefix: "hub", upstream: "registry.example" }];

function configProblems(env: Record<string, unknown>): string[] {
  try {
    readConfig({ RULES, ...env });
    return [];
  } catch (error) {
    return (error as ConfigError).problems;
  }
}

describe("a policy", () => {
  it("of ECR's is read as it is pasted, with its rules in their order", () => {
    const pasted = `{
      "rules": [
        { "rulePriority": 2, "description": "the rest",
          "selection": { "tagStatus": "any", "countType": "sinceImagePulled", "countUnit": "days", "countNumber": 90 },
          "action": { "type": "expire" } },
        { "rulePriority": 1,
          "selection": { "tagStatus": "tagged", "tagPatternList": ["prod*"], "countType": "imageCountMoreThan", "countNumber": 5 },
          "action": { "type": "expire" } }
      ]
    }`;
    const policies = [
      {
        protect: [],
        rules: [
          {
            priority: 1,
            selection: {
              tagStatus: "tagged",
              tagPatternList: ["prod*"],
              countType: "imageCountMoreThan",
              countNumber: 5,
            },
          },
          {
            priority: 2,
            description: "the rest",
            selection: { tagStatus: "any", countType: "sinceImagePulled", countNumber: 90 },
          },
        ],
      },
    ];
    expect(parsePolicies(pasted, "p")).toEqual({ policies });
    expect(parsePolicies(JSON.parse(pasted), "p")).toEqual({ policies });
    expect(parsePolicies([JSON.parse(pasted)], "p")).toEqual({ policies });
  });

  it.each<{ title: string; policy: unknown; problems: string[] }>([
    {
      title: "no policy",
      policy: 5,
      problems: ['LIFECYCLE: must be a lifecycle policy, { "rules": [ … ] }, or a list of them'],
    },
    {
      title: "text",
      policy: "no JSON",
      problems: [expect.stringMatching(/^LIFECYCLE: is not JSON/) as never],
    },
    { title: "no rules", policy: {}, problems: ["LIFECYCLE.rules: must be a list of rules"] },
    {
      title: "another field",
      policy: { rules: [], rule: 1 },
      problems: ["LIFECYCLE.rule: is not a field of a lifecycle policy"],
    },
    {
      title: "another field of a selection, in a list",
      policy: [{ rules: [] }, { rules: [rule({ ...ANY, tags: 1 })] }],
      problems: ["LIFECYCLE[1].rules[0].selection.tags: is not a field of a lifecycle policy"],
    },
    {
      title: "priorities that are not unique",
      policy: { rules: [rule({ tagStatus: "untagged", ...COUNT }), rule(ANY)] },
      problems: ["LIFECYCLE.rules[1].rulePriority: must be unique: rules[0] already has 1"],
    },
    {
      title: "any before others",
      policy: { rules: [rule(ANY, 1), rule({ tagStatus: "untagged", ...COUNT }, 2)] },
      problems: [
        'LIFECYCLE.rules[0].rulePriority: must be the highest of all: the tagStatus is "any"',
      ],
    },
    {
      title: "untagged twice",
      policy: {
        rules: [1, 2].map((priority) => rule({ tagStatus: "untagged", ...COUNT }, priority)),
      },
      problems: [
        'LIFECYCLE.rules[1].selection.tagStatus: must be "untagged" in one rule only: rules[0] already has it',
      ],
    },
    {
      title: "one list twice",
      policy: {
        rules: [
          ["a", "b"],
          ["b", "a"],
        ].map((tagPrefixList, index) =>
          rule({ tagStatus: "tagged", tagPrefixList, ...COUNT }, index + 1),
        ),
      },
      problems: ["LIFECYCLE.rules[1].selection.tagPrefixList: must differ from that of rules[0]"],
    },
    {
      title: "tagged without a list",
      policy: { rules: [rule({ tagStatus: "tagged", ...COUNT })] },
      problems: [
        'LIFECYCLE.rules[0].selection.tagPatternList: is missing: the tagStatus "tagged" requires it or tagPrefixList',
      ],
    },
    {
      title: "tagged with both lists",
      policy: {
        rules: [
          rule({ tagStatus: "tagged", tagPrefixList: ["a"], tagPatternList: ["a*"], ...COUNT }),
        ],
      },
      problems: [
        "LIFECYCLE.rules[0].selection.tagPrefixList: must not be given together with tagPatternList",
      ],
    },
    {
      title: "an empty list",
      policy: { rules: [rule({ tagStatus: "tagged", tagPatternList: [], ...COUNT })] },
      problems: ["LIFECYCLE.rules[0].selection.tagPatternList: must contain at least one pattern"],
    },
    {
      title: "untagged with a list",
      policy: { rules: [rule({ tagStatus: "untagged", tagPrefixList: ["a"], ...COUNT })] },
      problems: [
        'LIFECYCLE.rules[0].selection.tagPrefixList: must not be given with the tagStatus "untagged"',
      ],
    },
    {
      title: "five wildcards",
      policy: { rules: [rule({ tagStatus: "tagged", tagPatternList: ["*a*b*c*d*"], ...COUNT })] },
      problems: ["LIFECYCLE.rules[0].selection.tagPatternList[0]: has more than 4 wildcards (*)"],
    },
    {
      title: "no unit",
      policy: {
        rules: [rule({ tagStatus: "any", countType: "sinceImagePushed", countNumber: 5 })],
      },
      problems: [
        'LIFECYCLE.rules[0].selection.countUnit: must be "days" with the countType "sinceImagePushed"',
      ],
    },
    {
      title: "a unit too many",
      policy: { rules: [rule({ ...ANY, countUnit: "days" })] },
      problems: [
        'LIFECYCLE.rules[0].selection.countUnit: must not be given with the countType "imageCountMoreThan"',
      ],
    },
    {
      title: "the wrong unit",
      policy: {
        rules: [
          rule({
            tagStatus: "any",
            countType: "totalSizeMoreThan",
            countUnit: "days",
            countNumber: 5,
          }),
        ],
      },
      problems: [
        'LIFECYCLE.rules[0].selection.countUnit: must be "gigabytes" with the countType "totalSizeMoreThan"',
      ],
    },
    {
      title: "numbers that are none, and several problems at once",
      policy: {
        rules: [
          rule({ ...ANY, countNumber: 0 }, 0),
          rule({ tagStatus: "untagged", ...COUNT, countNumber: 1.5 }, "2"),
        ],
      },
      problems: [
        "LIFECYCLE.rules[0].rulePriority: must be 1 or greater",
        "LIFECYCLE.rules[0].selection.countNumber: must be greater than 0",
        "LIFECYCLE.rules[1].rulePriority: must be a whole number",
        "LIFECYCLE.rules[1].selection.countNumber: must be a whole number",
      ],
    },
    {
      title: "ECR's classes of storage",
      policy: {
        rules: [
          {
            ...rule({ ...ANY, countType: "sinceImageTransitioned", storageClass: "archive" }),
            action: { type: "transition", targetStorageClass: "archive" },
          },
        ],
      },
      problems: [
        expect.stringMatching(
          /^LIFECYCLE.rules\[0\].selection.countType: cannot be "sinceImageTransitioned": .*"sinceImagePulled"/,
        ),
        expect.stringMatching(
          /^LIFECYCLE.rules\[0\].selection.storageClass: must be "standard".*nothing to select/,
        ),
        expect.stringMatching(
          /^LIFECYCLE.rules\[0\].action.type: must be "expire": .*does not archive.*is deleted/,
        ),
        expect.stringMatching(
          /^LIFECYCLE.rules\[0\].action.targetStorageClass: must not be given: .*does not move/,
        ),
      ],
    },
    {
      title: "repositories with tags, or none",
      policy: [
        { rules: [], repositories: ["a:b"] },
        { rules: [], repositories: [] },
      ],
      problems: [
        "LIFECYCLE[0].repositories[0]: must be a glob over names, without a tag",
        "LIFECYCLE[1].repositories: must contain at least one glob: an empty list would match nothing",
      ],
    },
    {
      title: "protection that is none",
      policy: { rules: [], protect: ["a@sha256:b"] },
      problems: ["LIFECYCLE.protect[0]: must not contain a digest: use denyDigests"],
    },
  ])("with a fault: $title", ({ policy, problems }) => {
    expect(problemsOf(policy)).toEqual(problems);
  });
});

describe("ECR's storage classes", () => {
  it.each([
    ["standard, which is what is there", rule({ ...ANY, storageClass: "standard" })],
    [
      "standard beside tags and days",
      rule({
        tagStatus: "tagged",
        tagPatternList: ["v*"],
        storageClass: "standard",
        countType: "sinceImagePulled",
        countUnit: "days",
        countNumber: 1,
      }),
    ],
  ])("%s, is read as if it were absent", (_, given) => {
    const { selection } = given as { selection: Record<string, unknown> };
    const { storageClass: __, ...without } = selection;
    const read = parsePolicies({ rules: [given] }, "LIFECYCLE");
    expect(read).not.toHaveProperty("problems");
    expect(read).toEqual(parsePolicies({ rules: [{ ...given, selection: without }] }, "LIFECYCLE"));
  });

  it.each(["archive", "STANDARD", "", null, 1, ["standard"]])("%j is refused", (storageClass) => {
    expect(problemsOf({ rules: [rule({ ...ANY, storageClass })] })).toEqual([
      expect.stringMatching(/^LIFECYCLE.rules\[0\].selection.storageClass: must be "standard"/),
    ]);
  });

  it("of an action that is none, nothing is said of archives", () => {
    expect(problemsOf({ rules: [{ ...rule(ANY), action: { type: "delete" } }] })).toEqual([
      'LIFECYCLE.rules[0].action.type: must be "expire"',
    ]);
  });
});

describe("in the configuration", () => {
  const policy = { rules: [rule(ANY)] };

  it("90 days without a pull are the default", () => {
    const { lifecycle, lifecycleGrace, reportEvery, rules } = readConfig({ RULES });
    expect(lifecycle).toEqual([DEFAULT_LIFECYCLE]);
    expect([lifecycleGrace, reportEvery]).toEqual([24 * 3_600_000, 10_000]);
    expect(rules[0]).not.toHaveProperty("lifecycle");
  });

  it("a rule may have its own, and LIFECYCLE is for all", () => {
    const config = readConfig({
      RULES: [{ ...RULES[0], lifecycle: JSON.stringify(policy) }],
      LIFECYCLE: [{ ...policy, repositories: ["team/*"] }, { rules: [] }],
      LIFECYCLE_GRACE: "12h",
    });
    expect(config.rules[0]?.lifecycle).toHaveLength(1);
    expect(config.rules[0]?.rule).not.toHaveProperty("lifecycle");
    expect(config.lifecycle.map(({ repositories }) => repositories)).toEqual([
      ["team/*"],
      undefined,
    ]);
    expect(config.lifecycleGrace).toBe(12 * 3_600_000);
  });

  it("what is wrong is told with its path, beside what else is", () => {
    expect(
      configProblems({
        RULES: [
          { ...RULES[0], tagTtl: 5, lifecycle: { rules: [rule({ ...ANY, countUnit: "days" })] } },
        ],
        LIFECYCLE: "{",
        LIFECYCLE_GRACE: "5m",
        REPORT_EVERY: "11s",
      }),
    ).toEqual([
      'RULES[0].lifecycle.rules[0].selection.countUnit: must not be given with the countType "imageCountMoreThan"',
      'RULES[0].tagTtl: must be a duration in quotes, such as "1h"',
      expect.stringMatching(/^LIFECYCLE: is not JSON/),
      "LIFECYCLE_GRACE: must be at least 10m",
      "REPORT_EVERY: must be at most 10s",
    ]);
  });
});
