// The documentation: links and anchors lead somewhere, code blocks are what they say, and commands, scripts and files that are named exist.

import { execFileSync } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { lexer, type Token, type Tokens } from "marked";
import { parse as parseToml } from "smol-toml";
import { describe, expect, it } from "vitest";
import { parse as parseYaml } from "yaml";
import { readConfig } from "../../src/config/read.ts";
import { EXAMPLE_HOST, GUIDE, INDEX } from "../../src/console/parts/guide-text.ts";
import { anchors, plainText } from "../../src/console/parts/markdown.tsx";

const ROOT = join(import.meta.dirname, "../..");
const PAGES = globSync(["README.md", "{src,test}/README.md", "src/guide/*.md", ".github/*.md"], {
  cwd: ROOT,
}).sort();
const textOf = (path: string) => readFileSync(join(ROOT, path), "utf8");
const isGuide = (path: string) => path.startsWith("src/guide/");
const tokensOf = (text: string) => all(lexer(text));

function all(tokens: readonly Token[]): Token[] {
  return tokens.flatMap((token) => {
    const { header = [], rows = [] } = token as Partial<Tokens.Table>;
    const cells = [...header, ...rows.flat()].flatMap((cell) => cell.tokens);
    const items = (token as Partial<Tokens.List>).items ?? [];
    return [token, ...all([...((token as Tokens.Generic).tokens ?? []), ...cells, ...items])];
  });
}

function anchorsIn(text: string): string[] {
  const idOf = anchors();
  return tokensOf(text).flatMap((token) =>
    token.type === "heading" && token.depth > 1 ? [idOf(plainText(token))] : [],
  );
}

/** What is wrong with a page's links. */
function brokenLinks(path: string, text: string): string[] {
  return tokensOf(text).flatMap((token) => {
    if (token.type !== "link" && token.type !== "image") return [];
    const { href, text: shown } = token as Tokens.Link;
    if (href === shown) return []; // an address in a text, which GitHub links by itself
    // "<http://127.0.0.1:8787>" is that of npm start.
    if (/^https:\/\/[\w.-]+\.[a-z]+(\/|$)|^http:\/\/127\.0\.0\.1:8787$/.test(href)) return [];
    const [file = "", anchor] = href.split("#");
    const target = file === "" ? path : join(dirname(path), file);
    if (/^\w+:|^\//.test(href)) return [`${path}: ${href} is no link of ours`];
    if (!existsSync(join(ROOT, target))) return [`${path}: ${href} is not there`];
    // The deployed guide has its own pages alone.
    if (isGuide(path) && !isGuide(target)) return [`${path}: ${href} leaves the guide`];
    const known = anchor === undefined || anchorsIn(textOf(target)).includes(anchor);
    return known ? [] : [`${path}: ${href} has no such heading`];
  });
}

interface Block {
  lang: string;
  text: string;
}

function blocksIn(text: string): Block[] {
  return tokensOf(text).flatMap((token) =>
    token.type === "code" ? [{ lang: token.lang ?? "", text: token.text }] : [],
  );
}

/** Throws where a block is not what its language says. */
const CHECKS: Record<string, (text: string) => unknown> = {
  sh: bash,
  console: (text) =>
    bash([...text.matchAll(/^\$ (.*)$/gm)].map(([, line]) => line).join("\n") || "("),
  json: (text) => JSON.parse(text),
  yaml: (text) => parseYaml(text, { strict: true }),
  toml: (text) => configured(parseToml(text) as { vars?: Record<string, unknown> }),
  js: (text) =>
    execFileSync(process.execPath, ["--input-type=module", "--check"], {
      input: text,
      stdio: ["pipe", "pipe", "pipe"],
    }),
  text: () => {},
};

function expectWell({ lang, text }: Block): void {
  const check = CHECKS[lang];
  if (!check) throw new Error(`there is no check for blocks of "${lang}"`);
  check(text);
}

function bash(script: string): void {
  execFileSync("bash", ["-n"], { input: script, stdio: ["pipe", "pipe", "pipe"] });
}

/** A part of wrangler.toml, read as a deployment reads it; what only an environment adds is added. */
function configured({ vars }: { vars?: Record<string, unknown> }): void {
  if (!vars) return;
  const least = { RULES: [{ prefix: "x-y", upstream: "registry.example.com" }] };
  const { issuers, access } = (vars.AUTH ?? {}) as { issuers?: unknown; access?: unknown };
  const { auth, rules } = readConfig({ ...least, ...vars });
  expect({ issuers: auth.issuers.length > 0, access: auth.access !== undefined }).toEqual({
    issuers: issuers !== undefined,
    access: access !== undefined,
  });
  // A secret of an example is nowhere set.
  for (const { problem } of rules) expect(problem ?? "secret").toMatch(/secret/);
}

const { scripts } = JSON.parse(textOf("package.json")) as { scripts: Record<string, string> };

/** `npm run NAME` of scripts that are not there. */
function unknownScripts(text: string): string[] {
  return [...text.matchAll(/\bnpm (?:run (?:-\w+ )*([\w:]+)|(test|start)\b)/g)].flatMap(
    ([, run, other]) => {
      const name = run ?? other ?? "";
      return name in scripts ? [] : [name];
    },
  );
}

/** Paths of the repository that are named, and are not there. */
function missingFiles(text: string): string[] {
  return [...text.matchAll(/(?<=`)(?:src|test|\.github|\.ci)\/[\w./-]+\b(?=`)/g)].flatMap(
    ([path]) => (existsSync(join(ROOT, path)) ? [] : [path]),
  );
}

describe("the checks see what is wrong", () => {
  it.each([
    ["[a](nothing.md)"],
    ["[a](access.md#nothing)"],
    ["[a](#nothing)"],
    ["[a](../../README.md)"],
    ["[a](/guide/access)"],
    ["[a](javascript:alert)"],
    ["| a |\n| --- |\n| [a](nothing.md) |"],
    ["- one\n  - [a](nothing.md)"],
  ])("a link: %j", (text) => {
    expect(brokenLinks("src/guide/clients.md", text)).toHaveLength(1);
  });

  it.each([
    ["sh", "for x in"],
    ["console", "prints only"],
    ["console", "$ echo 'x"],
    ["json", "{a: 1}"],
    ["yaml", "a: [1"],
    ["toml", "a = "],
    ["toml", '[[vars.RULES]]\nupstream = "docker.io"\nprefixes = "a"'],
    ["toml", '[vars.AUTH]\nmode = "shut"'],
    ["toml", "[vars.LIMITS]\ncold = 1"],
    ["toml", "[vars]\nLIFECYCLE = '{\"rules\": [{}]}'"],
    ["js", "const = 1"],
    ["bash", "true"],
  ])("a block of %s: %j", (lang, text) => {
    expect(() => expectWell({ lang, text })).toThrow();
  });

  it("a script or a file that is not there", () => {
    expect(unknownScripts("npm run nothing -- x; npm run -s check; npm test")).toEqual(["nothing"]);
    expect(missingFiles("`test/none.test.ts` and `src/index.ts`")).toEqual(["test/none.test.ts"]);
  });
});

describe.each(PAGES)("%s", (path) => {
  const text = textOf(path);

  it("has links that lead somewhere", () => {
    expect(brokenLinks(path, text)).toEqual([]);
  });

  it("has code blocks that are what they say", () => {
    for (const block of blocksIn(text))
      expect(() => expectWell(block), `${block.lang}:\n${block.text}`).not.toThrow();
  });

  it("names scripts and files that exist", () => {
    expect([unknownScripts(text), missingFiles(text)]).toEqual([[], []]);
  });

  it("begins with its title, and is Markdown that the console renders too", () => {
    const tokens = lexer(text);
    if (path !== ".github/pull_request_template.md")
      expect(tokens[0]).toMatchObject({ type: "heading", depth: 1 });
    const html = all(tokens).filter(({ type, raw }) => type === "html" && !raw.startsWith("<!--"));
    expect(html).toEqual([]);
    if (isGuide(path)) expect(text).not.toMatch(/&#?\w+;|!\[/);
    // The console fills in one host.
    expect(text).not.toMatch(/mirror\.example\.com/);
  });
});

describe("the guide", () => {
  const names = [INDEX, ...GUIDE].map(({ name }) => `src/guide/${name}.md`);

  it("is all the pages of its folder, each with an address to fill in or none of its own", () => {
    expect([...names].sort()).toEqual(PAGES.filter(isGuide));
    expect(textOf("src/guide/clients.md")).toContain(EXAMPLE_HOST);
  });

  it.each(["README.md", "src/guide/README.md"])("is all linked from %s", (path) => {
    const linked = tokensOf(textOf(path)).flatMap((token) =>
      token.type === "link" ? [join(dirname(path), token.href.replace(/#.*/, ""))] : [],
    );
    expect(names.filter((name) => name !== path && !linked.includes(name))).toEqual([]);
  });
});

it("README.md is short, and has the commands to try and to test", () => {
  const text = textOf("README.md");
  expect(text.trimEnd().split("\n").length).toBeLessThanOrEqual(250);
  const commands = blocksIn(text).map((block) => block.text);
  for (const command of ["npm install && npm start", "npm install && npm test"])
    expect(commands).toContain(command);
});

it("what is in .github is well-formed, and its workflow runs what CI runs", () => {
  const files = globSync(".github/**/*.yml", { cwd: ROOT });
  expect(files.length).toBeGreaterThanOrEqual(5);
  for (const file of files) {
    expect(() => parseYaml(textOf(file), { strict: true }), file).not.toThrow();
    expect([file, unknownScripts(textOf(file))]).toEqual([file, []]);
  }
  expect(textOf(".github/workflows/ci.yml")).toContain("run: bash .ci/run");
});

it("no comment cites a document that is not in the repository", () => {
  const files = globSync(
    ["src/**/*.{ts,tsx,css}", "test/**/*.ts", "wrangler.toml", ".ci/run", ".dev.vars.example"],
    { cwd: ROOT },
  );
  expect(files.length).toBeGreaterThan(300);
  const cited = files.flatMap((file) =>
    [...textOf(file).matchAll(/\b([A-Z]{4,})(?:\.md\b|\)|, "|:)/g)].flatMap(([all, name]) =>
      ["DESIGN", "PLATFORM", "PROTOCOL", "STYLE"].includes(name ?? "") ? [`${file}: ${all}`] : [],
    ),
  );
  expect(cited.filter((one) => !one.startsWith("test/node/docs.test.ts"))).toEqual([]);
});

it("neither the guide's pages nor their parser are loaded before the first page is asked for", () => {
  const files = globSync("src/**/*.{ts,tsx}", { cwd: ROOT });
  const early = files.filter((file) =>
    /^(?:import|export)(?! type\b)[^;]*?from "(?:marked|[^"]*\.md)"/m.test(textOf(file)),
  );
  expect(early).toEqual([]);
  expect(textOf("src/console/parts/markdown.tsx")).toContain('await import("marked")');
});
