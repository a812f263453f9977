// The reference of the configuration: it tells of every field that is read, and the guide has it as it is.

/// <reference types="vite/types/importMeta.d.ts" />
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { readRule } from "../../src/config/read.ts";
import { ruleSchema } from "../../src/config/rule.ts";
import { fieldsOf } from "../../src/reference/fields.ts";
import { MARKS, markdownOf } from "../../src/reference/markdown.ts";
import { reference } from "../../src/reference/reference.ts";

const [page = ""] = Object.values(
  import.meta.glob<string>("../../src/guide/reference.md", {
    query: "?raw",
    import: "default",
    eager: true,
  }),
);
const sections = reference();

it("the guide has it, as `npm run reference` writes it", () => {
  const [begin, end] = MARKS;
  const written = page.split(begin)[1]?.split(end)[0]?.trim();
  expect(written).toBe(markdownOf(sections));
});

it("each field is told once, and says what it does", () => {
  for (const { id, about, fields } of sections) {
    expect([id, about.length > 20, fields.length > 0]).toEqual([id, true, true]);
    const paths = fields.map(({ path }) => path);
    expect(new Set(paths).size).toBe(paths.length);
    for (const { path, description } of fields)
      expect([path, description.length > 5]).toEqual([path, true]);
  }
});

describe("a rule", () => {
  const fields = sections.find(({ id }) => id === "rules")?.fields ?? [];

  it("has no field that is not told, and is told none that it has not", () => {
    const documented = fields.map(({ path }) => path);
    const read = Object.keys(ruleSchema.in.shape);
    expect(documented).toEqual([...read, "lifecycle", "prewarm"]);
    for (const field of documented) {
      const problems: string[] = [];
      readRule({ [field]: Symbol("nothing") }, "", false, problems);
      expect([field, problems.some((problem) => problem.includes("is not a field of"))]).toEqual([
        field,
        false,
      ]);
    }
  });

  it("has the defaults that it is told", () => {
    const usual = Object.fromEntries(
      fields.flatMap(({ path, default: value }) =>
        value === undefined ? [] : [[path, JSON.parse(value)]],
      ),
    );
    expect(Object.keys(usual).length).toBeGreaterThan(20);
    const least = { upstream: "registry.example", prefix: "x-y" };
    expect(ruleSchema.parse({ ...least, ...usual })).toEqual(ruleSchema.parse(least));
  });

  it("wants what it is told to want", () => {
    expect(fields.filter(({ required }) => required).map(({ path }) => path)).toEqual(["upstream"]);
  });
});

it("what a schema says is what is told of it", () => {
  const schema = z.strictObject({
    a: z.int().min(1).max(4).default(2).describe("a number"),
    b: z.array(z.string()).optional().describe("a list"),
    c: z.enum(["x", "y"]).describe("a choice"),
    d: z.string().prefault("z").transform(Number).describe("turned into another"),
    e: z.never().optional(),
  });
  expect(fieldsOf(schema, "in.")).toEqual([
    {
      path: "in.a",
      type: "a number, 1 to 4",
      required: false,
      default: "2",
      description: "a number",
    },
    { path: "in.b", type: "a list: a string", required: false, description: "a list" },
    { path: "in.c", type: '"x" or "y"', required: true, description: "a choice" },
    {
      path: "in.d",
      type: "a string",
      required: false,
      default: '"z"',
      description: "turned into another",
    },
  ]);
});
