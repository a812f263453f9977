// How the command line is called: its help, its examples and those of the documentation, and what is said of what it does not understand.

/// <reference types="vite/types/importMeta.d.ts" />
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { program } from "../../src/cli/program.ts";
import { cli } from "../support/cli.ts";

const DOCS = Object.values(
  import.meta.glob<string>(["../../README.md", "../../src/guide/*.md"], {
    query: "?raw",
    import: "default",
    eager: true,
  }),
).join("\n");

/** Every command, by what is typed. */
function commands(command: Command = program(), path: string[] = []): [string[], Command][] {
  const below = command.commands.flatMap((one) => commands(one, [...path, one.name()]));
  return [[path, command], ...below];
}

const ALL = commands();
const LEAVES = ALL.filter(([, { commands: below }]) => below.length === 0);

/** A line as a shell takes it apart, without its comment. */
function wordsOf(line: string): string[] {
  const words: string[] = line.match(/'[^']*'|"[^"]*"|\S+/g) ?? [];
  const comment = words.findIndex((word) => word.startsWith("#"));
  const said = comment < 0 ? words : words.slice(0, comment);
  return said.map((word) => word.replaceAll(/^['"]|['"]$/g, ""));
}

/** @returns the command that these arguments run; throws where they are not what it takes */
async function called(args: string[]): Promise<string> {
  const requested: string[] = [];
  const all = program();
  for (const [path, command] of commands(all))
    if (command.commands.length === 0) command.action(() => void requested.push(path.join(" ")));
  await all.parseAsync(args, { from: "user" });
  return requested.join();
}

describe("help", () => {
  it("is there for all commands", () => {
    expect(LEAVES.map(([path]) => path.join(" "))).toEqual([
      "doctor",
      "explain",
      "rules list",
      "rules validate",
      "rules create",
      "rules update",
      "rules delete",
      "images list",
      "images show",
      "images pin",
      "images unpin",
      "refresh",
      "delete",
      "prewarm start",
      "prewarm list",
      "prewarm show",
      "prewarm cancel",
      "quarantine add",
      "quarantine list",
      "quarantine remove",
      "allow add",
      "allow list",
      "allow confirm",
      "allow remove",
      "verdicts import",
      "verdicts list",
      "verdicts show",
      "verdicts remove",
      "held list",
      "held release",
      "upstreams",
      "webhooks list",
      "webhooks test",
      "webhooks dead",
      "webhooks redeliver",
      "webhooks drop",
      "tokens create",
      "tokens list",
      "tokens revoke",
      "sessions list",
      "sessions end",
      "secret",
      "trust update",
      "lifecycle preview",
      "lifecycle sweep",
      "lifecycle runs",
      "lifecycle events",
      "lifecycle policies",
      "lifecycle put",
      "lifecycle take-back",
      "catalog show",
      "catalog rebuild",
      "stats",
      "report",
      "events",
    ]);
  });

  it.each(ALL)("of %j says what it is, what it takes, and shows how", async (path, command) => {
    const { code, out, err } = await cli([...path, "--help"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const alias = command.alias() ? `|${command.alias()}` : "";
    expect(out).toContain(`Usage: ${["npm run entrepot --", ...path].join(" ")}${alias} `);
    expect(command.description()).toMatch(/\S.{10}/);
    for (const one of [...command.registeredArguments, ...command.options])
      expect(one.description).not.toBe("");
    const examples = out.slice(out.indexOf("Examples:")).split("\n").slice(1);
    expect(examples.length).toBeGreaterThanOrEqual(2);
    for (const example of examples) {
      const [, args = ""] = /^ {2}\$ npm run entrepot -- (.*?)(?: {3}.*)?$/.exec(example) ?? [];
      if (args.endsWith("--help")) continue;
      expect(await called(wordsOf(args))).toMatch(new RegExp(`^${path.join(" ")}`));
    }
  });

  /** They ask no cache. */
  const offline = ["secret", "trust update"];
  const asking = LEAVES.filter(([path]) => !offline.includes(path.join(" ")));
  it.each(asking)("of %j has --url and --json, and no token", (_, { options }) => {
    const names = options.map(({ long }) => long);
    expect(names.slice(-2)).toEqual(["--url", "--json"]);
    expect(names.join()).not.toContain("token");
  });

  it("says the exit codes once, at the top", async () => {
    const { out } = await cli(["--help"]);
    expect(out).toMatch(/Exit codes:\n {2}0 .*\n {2}1 .*\n {2}2 /);
    expect((await cli(["tokens", "--help"])).out).not.toContain("Exit codes");
    expect((await cli(["help", "explain"])).out).toContain("Usage: npm run entrepot -- explain");
  });
});

describe("invalid usage ends with 2, on standard error", () => {
  it.each([
    [
      "doktor",
      /^✘ unknown command 'doktor' \(Did you mean doctor\?\)\n.*see npm run entrepot -- --help$/,
    ],
    ["tokens crate x", /unknown command 'crate' \(Did you mean create\?\)\n.* tokens --help/],
    [
      "tokens list --jsn",
      /unknown option '--jsn' \(Did you mean --json\?\)\n.* tokens list --help/,
    ],
    ["tokens list --frobnicate", /^✘ unknown option '--frobnicate'\n/],
    ["tokens list all", /too many arguments for 'list'/],
    ["tokens create --repositories *", /missing required argument 'name'/],
    ["tokens create ci", /required option '--repositories <globs>' not specified/],
    ["tokens revoke 6b1f2", /at least its first 6 characters/],
    ["held release alpine:3", /required option '--reason <text>' not specified/],
    ["quarantine add sha256:0", /required option '--reason <text>' not specified/],
    ["allow sha256:0 --reason x", /required option '--until <time>' not specified/],
    ["allow sha256:0 --until 24h", /required option '--reason <text>' not specified/],
    ["explain", /missing required argument 'image'/],
    ["refresh", /missing required argument 'image'/],
    ["lifecycle runs --n many", /must be a whole number/],
    ["catalog show --days -1", /must be a whole number/],
    ["catalog show --url", /'--url <url>' argument missing/],
    ["rules list --url mirror", /mirror is not an http or https URL/],
    [
      "rules list --url http://mirror.example.com",
      /refusing to send the admin token to mirror.example.com over http:\/\//,
    ],
  ])("%s", async (line, words) => {
    const { code, out, err } = await cli(wordsOf(line));
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(words);
  });

  it.each([[], ["tokens"]])("no command, which is answered with help: %j", async (...args) => {
    const { code, out, err } = await cli(args);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain("Commands:");
  });
});

describe("the documentation's command lines", () => {
  const lines = [...DOCS.matchAll(/npm run (entrepot|tokens|lifecycle|catalog) --\s+([^`\n]*)/g)];

  it("are found", () => {
    expect(lines.length).toBeGreaterThan(12);
  });

  it.each(lines.map(([, script, rest]) => [script as string, rest as string]))(
    "are understood: %s %s",
    async (script, rest) => {
      // What the documentation leaves out or leaves to choose: `…`, `[--force]`, ALL CAPITALS are values like any other.
      const words = wordsOf(rest.replaceAll(/[[\]]/g, "")).filter((word) => word !== "…");
      const args = script === "entrepot" ? words : [script, ...words];
      expect(await called(args)).not.toBe("");
    },
  );
});
