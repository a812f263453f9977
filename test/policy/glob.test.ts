// The glob matcher: it means what picomatch means, and takes time in proportion to pattern × text, whatever the pattern. Steps are
// counted (policy/steps), not seconds.

import fc from "fast-check";
import picomatch from "picomatch";
import { describe, expect, it } from "vitest";
import { isRepositoryName, isTag } from "../../src/oci/name.ts";
import { globMatcher } from "../../src/policy/glob.ts";
import { limited } from "../../src/policy/steps.ts";
import { wildcard } from "../../src/policy/wildcard.ts";

/** As rules were matched with it. */
const OPTIONS = { dot: true, nonegate: true, noextglob: true, nocase: false, posix: true } as const;

const word = fc.constantFrom("a", "b", "ab", "0", "1", "a-b", "a.b", "a_b");
const name = fc
  .array(fc.array(word, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 })
  .map((segments) => segments.map((words) => words.join("")).join("/"));
const tag = fc.array(fc.constantFrom("a", "B", "1", ".1", "-b", "_"), {
  minLength: 1,
  maxLength: 4,
});

const bracket = fc.constantFrom(
  "[ab]",
  "[!a]",
  "[^b-z]",
  "[a-c0]",
  "[.-]",
  "[.-0]",
  "[{,}a]",
  "[a-]",
);
const one = fc.oneof(word, fc.constantFrom("*", "?"), bracket);
const part = fc.array(one, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(""));
const nameParts = fc.oneof(
  part,
  fc.constant("**"),
  fc.tuple(part, part).map((two) => two.join("/")),
);
const braces = (inside: fc.Arbitrary<string>) =>
  fc.array(inside, { minLength: 2, maxLength: 3 }).map((parts) => `{${parts.join(",")}}`);
const segment = fc.oneof(
  { weight: 4, arbitrary: part },
  { weight: 2, arbitrary: fc.constant("**") },
  { weight: 1, arbitrary: braces(nameParts) },
  { weight: 1, arbitrary: fc.tuple(part, braces(nameParts)).map((two) => two.join("")) },
  { weight: 1, arbitrary: fc.tuple(braces(part), part).map((two) => two.join("")) },
  { weight: 1, arbitrary: fc.constantFrom("a**", "**b", "{a}", "a{b}", ",", "^a", "a!") },
);
const namePattern = fc
  .array(segment, { minLength: 1, maxLength: 5 })
  .map((segments) => segments.join("/"))
  // Three stars in a row mean one here, and `a/**/{**,b}` and `a/**/**{**,b}` are not `a`.
  .filter((pattern) => !/\*{3}|(\/\*\*\/|\*\*)\{(.*,)?\*+[,}]/.test(pattern))
  .filter((pattern) => !["*", "**"].includes(pattern));
const tagPattern = fc
  .array(fc.oneof(one, fc.constantFrom("B", "-", "."), braces(part)), {
    minLength: 1,
    maxLength: 5,
  })
  .map((parts) => parts.join(""))
  .filter((pattern) => !pattern.includes("**") && pattern !== "*");

describe("a glob means what picomatch means by it", () => {
  it("over names", () => {
    let matches = 0;
    fc.assert(
      fc.property(namePattern, fc.array(name, { minLength: 10, maxLength: 10 }), (glob, names) => {
        const expected = picomatch(glob, OPTIONS);
        const matcher = globMatcher(glob);
        for (const text of names.filter(isRepositoryName)) {
          const isMatch = expected(text);
          if (isMatch) matches += 1;
          expect([glob, text, matcher(text)]).toEqual([glob, text, isMatch]);
        }
      }),
      { numRuns: 3_000 },
    );
    expect(matches).toBeGreaterThan(300);
  });

  it("over tags; but * is nothing, too, behind a dot", () => {
    let matches = 0;
    fc.assert(
      fc.property(tagPattern, fc.array(tag, { minLength: 10, maxLength: 10 }), (glob, tags) => {
        const expected = picomatch(glob, OPTIONS);
        const matcher = globMatcher(glob);
        for (const text of tags.map((parts) => parts.join(""))) {
          if (!isTag(text) || text.endsWith(".")) continue;
          const isMatch = expected(text);
          if (isMatch) matches += 1;
          expect([glob, text, matcher(text)]).toEqual([glob, text, isMatch]);
        }
      }),
      { numRuns: 3_000 },
    );
    expect(matches).toBeGreaterThan(300);
    expect(globMatcher("*.*")("1.")).toBe(true);
  });
});

describe("a glob", () => {
  it.each([
    { glob: "a/**", text: "a", expected: true },
    { glob: "a/**", text: "ab", expected: false },
    { glob: "*/**", text: "a", expected: false },
    { glob: "**/a/**", text: "a", expected: true },
    { glob: "a/**/b", text: "a/b", expected: true },
    { glob: "a/**/b", text: "a/x/y/b", expected: true },
    { glob: "a/**/b", text: "ab", expected: false },
    { glob: "a/**/**/b", text: "a/b", expected: true },
    { glob: "**/**", text: "a/b", expected: true },
    { glob: "a**", text: "a/b", expected: false },
    { glob: "{a/**,b}", text: "a", expected: false },
    { glob: "{a/**,b}", text: "a/x/y", expected: true },
    { glob: "{a,b/{c,d}}/x", text: "b/d/x", expected: true },
    { glob: "{a,b/{c,d}}/x", text: "b/x", expected: false },
    { glob: "{a,b{c,{d,e}}}", text: "be", expected: true },
    { glob: "{,x-}a", text: "a", expected: true },
    { glob: "{a..c}", text: "b", expected: true },
    { glob: "{a..c}", text: "d", expected: false },
    { glob: "{a}", text: "a", expected: false },
    { glob: "[a-c]x", text: "bx", expected: true },
    { glob: "[!a-c]x", text: "bx", expected: false },
    { glob: "[z-a]", text: "z", expected: false },
    { glob: "a[]", text: "a", expected: false },
    { glob: "[!]a", text: "a", expected: false },
    { glob: "[!a]x", text: "/x", expected: false },
    { glob: "?", text: "/", expected: false },
    { glob: "./a", text: "a", expected: true },
    { glob: "{a,b", text: "a", expected: false },
    { glob: "a]", text: "a]", expected: true },
  ])("$glob, and $text: $expected", ({ glob, text, expected }) => {
    expect(globMatcher(glob)(text)).toBe(expected);
  });
});

const PLENTY = 1e12;

function stepsOf(match: () => boolean): number {
  const steps = { left: PLENTY };
  limited(steps, match);
  return PLENTY - steps.left;
}

/** Of so many characters. */
const repeated = (unit: string, length: number) =>
  unit.repeat(Math.ceil(length / unit.length)).slice(0, length);
const nested = (length: number) => {
  const depth = Math.floor(length / 5);
  return "{a*,".repeat(depth) + "}".repeat(depth);
};

/** Patterns that other matchers try in exponentially or polynomially many ways, by their length. */
const HARD: Record<string, (length: number) => string> = {
  "many stars": (length) => `${repeated("*a", length)}b`,
  "stars alone, apart by ?": (length) => `${repeated("*?", length)}b`,
  "many globstars": (length) => `${repeated("**/a/", length)}b`,
  "stars and globstars": (length) => `${repeated("**/*a*/", length)}b`,
  "many alternatives in a row": (length) => `${repeated("{a,aa}", length)}b`,
  "alternatives with stars in a row": (length) => `${repeated("{a*,*a}", length)}b`,
  "alternatives within alternatives": (length) => `${nested(length)}b`,
  "empty alternatives": (length) => `${repeated("{,a}", length)}b`,
  "classes and stars": (length) => `${repeated("*[a-z]", length)}b`,
  "brackets that never close": (length) => repeated("[", length),
  "braces that never close": (length) => repeated("{a,", length),
};

describe("the time that a match takes grows in proportion to pattern × text", () => {
  const texts = {
    "one segment": (length: number) => repeated("a", length),
    many: (length: number) => `${repeated("a/", length - 1)}a`,
  };
  it.each(Object.entries(HARD))("%s", (_, pattern) => {
    for (const text of Object.values(texts)) {
      const steps = (length: number, of: number) => {
        const matcher = globMatcher(pattern(length));
        return stepsOf(() => matcher(text(of)));
      };
      // At 10,000 × 255, and at every size below: no more than this for each character of the one at each of the other.
      for (const [length, of] of [
        [10, 255],
        [100, 255],
        [1_000, 255],
        [10_000, 64],
        [10_000, 128],
        [10_000, 255],
      ] as const)
        expect(steps(length, of)).toBeLessThanOrEqual(2 * (length + 10) * (of + 2));
      // Twice the one or the other is at most about twice the steps.
      const half = steps(5_000, 255) + 50_000;
      expect(steps(10_000, 255)).toBeLessThanOrEqual(2.2 * half);
      expect(steps(10_000, 255)).toBeLessThanOrEqual(2.2 * (steps(10_000, 128) + 50_000));
    }
  });

  it("is counted where it is much", () => {
    const matcher = globMatcher(`${"*a".repeat(5_000)}b`);
    expect(stepsOf(() => matcher("a".repeat(255)))).toBeGreaterThan(50_000);
  });

  it.each([
    { title: "stars", pattern: `${"*a".repeat(5_000)}b`, text: "a".repeat(10_000) },
    {
      title: "a part that begins everywhere",
      pattern: `*${"a".repeat(5_000)}b*`,
      text: "a".repeat(10_000),
    },
  ])("of wildcards over claims and tags too: $title", ({ pattern, text }) => {
    expect(wildcard(pattern)(text)).toBe(false);
    expect(stepsOf(() => wildcard(pattern)(text))).toBeLessThanOrEqual(text.length + 1);
  });
});

describe("a limit of steps", () => {
  const hard = globMatcher(`${"*a".repeat(500)}b`);

  it("ends the work that goes over it, and counts over several calls", () => {
    const steps = { left: 60_000 };
    const some = () =>
      limited(steps, () => Array.from({ length: 100 }, () => hard("a".repeat(255))));
    expect(some).toThrow("take too long");
    expect(some).toThrow("take too long");
    expect(hard("a".repeat(255))).toBe(false);
  });

  it("is nothing to what comes after it", () => {
    const steps = { left: 1e9 };
    expect(limited(steps, () => hard("ab"))).toBe(false);
    expect(steps.left).toBeLessThan(1e9);
    const { left } = steps;
    hard("ab");
    expect(steps.left).toBe(left);
  });
});

it("patterns without number are forgotten again, and matched all the same", () => {
  for (let count = 0; count < 5_000; count++)
    expect(globMatcher(`team-${count}/*`)(`team-${count}/app`)).toBe(true);
  expect(globMatcher("team-0/*")("team-0/app")).toBe(true);
  expect(globMatcher("team-0/*")).toBe(globMatcher("team-0/*"));
  expect(globMatcher("x".repeat(300_000))("x")).toBe(false);
});
