// The shape of the code (src/README.md): which room may import which, what belongs where, how a file begins and how long it is.

/// <reference types="vite/types/importMeta.d.ts" />
import { describe, expect, it } from "vitest";
import { ROOMS } from "./rooms.ts";

const found = import.meta.glob<string>("../src/**/*.{ts,tsx}", {
  query: "?raw",
  import: "default",
  eager: true,
});
/** Path in src → text. */
const files = new Map(
  Object.entries(found).map(([path, text]) => [path.slice("../src/".length), text]),
);
const KEYS = "store/keys.ts";

const MAY_IMPORT = new Map(ROOMS);

type Check = (file: string, text: string) => string[];

/** Without comments; strings stay. */
function codeOf(text: string): string {
  const strings = /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)/;
  const comments = /\/\/[^\n]*|\/\*[\s\S]*?\*\//;
  return text.replace(new RegExp(`${strings.source}|${comments.source}`, "g"), "$1");
}

interface Import {
  from: string;
  typeOnly: boolean;
}

function importsOf(text: string): Import[] {
  const pattern =
    /\b(?:import|export)\b\s*(type\b)?[^"';]*?\bfrom\s*["']([^"']+)["']|\bimport\s*\(?\s*["'`]([^"'`]+)["'`]/g;
  return [...codeOf(text).matchAll(pattern)].map(([, type, from, bare]) => ({
    from: from ?? bare ?? "",
    typeOnly: type !== undefined,
  }));
}

/** Path in src of what a relative import means. */
function resolve(file: string, from: string): string {
  const path = new URL(from, `file:///root/src/${file}`).pathname;
  return path.startsWith("/root/src/") ? path.slice("/root/src/".length) : `outside/${path}`;
}

function roomOf(path: string): string {
  return (path.includes("/") ? path.slice(0, path.indexOf("/")) : path).replace(/\.tsx?$/, "");
}

const oneWay: Check = (file, text) => {
  const room = roomOf(file);
  const allowed = MAY_IMPORT.get(room);
  if (!allowed) return [`${file}: is in no room of the plan`];
  return importsOf(text)
    .filter(({ from }) => from.startsWith("."))
    .flatMap(({ from, typeOnly }) => {
      const other = roomOf(resolve(file, from));
      if (other === room) return [];
      if (!allowed.includes(other)) return [`${file}: imports ${other}`];
      // The command line starts without the schemas, which take zod to build.
      const needsType = room === "env" || other === "env" || (room === "cli" && other === "api");
      return needsType && !typeOnly ? [`${file}: imports more than types of ${other}`] : [];
    });
};

/** They decide and parse: they wait for nothing, ask no clock, and say nothing. Signatures wait for Web Crypto. */
const pureRooms: Check = (file, text) => {
  const room = roomOf(file);
  if (!["oci", "policy", "text", "signatures"].includes(room)) return [];
  const acts =
    /\b(fetch|setTimeout|setInterval|caches)\b|\bconsole\.|\bDate\.now\b|\bMath\.random\b/;
  const waits = room !== "signatures" && /\bawait\b/.test(codeOf(text));
  return acts.test(codeOf(text)) || waits ? [`${file}: acts`] : [];
};

/** Circles of files, types included: each as its files in order. */
function circlesOf(sources: ReadonlyMap<string, string>): string[][] {
  const imports = new Map(
    [...sources].map(([file, text]) => [
      file,
      importsOf(text).flatMap(({ from }) => (from.startsWith(".") ? [resolve(file, from)] : [])),
    ]),
  );
  const done = new Set<string>();
  const circles: string[][] = [];
  const walk = (file: string, path: string[]) => {
    const at = path.indexOf(file);
    if (at >= 0) circles.push(path.slice(at).toSorted());
    if (at >= 0 || done.has(file)) return;
    for (const next of imports.get(file) ?? []) walk(next, [...path, file]);
    done.add(file);
  };
  for (const file of imports.keys()) walk(file, []);
  return circles;
}

const honoAtTheDoor: Check = (file, text) =>
  importsOf(text)
    .filter(
      ({ from }) =>
        /^hono(\/|$)/.test(from) && !["http", "console", "index"].includes(roomOf(file)),
    )
    .map(() => `${file}: imports hono`);

const holdsBindings = (file: string) =>
  [
    "platform",
    "store",
    "fill",
    "catalog",
    "access",
    "webhooks",
    "prewarm",
    "scanning",
    "env",
    "services",
    "index",
  ].includes(roomOf(file)) ||
  ["upstream/contract.ts", "upstream/open.ts", "upstream/gate.ts"].includes(file);

const bindingsInTheirRooms: Check = (file, text) => {
  const code = codeOf(text);
  const any =
    /\b(R2[A-Z]\w*|KVNamespace\w*|DurableObject\w*|SqlStorage\w*|ExecutionContext|caches)\b/;
  const stores = /\b(R2[A-Z]\w*|KVNamespace\w*|CacheStorage|caches)\b/;
  const imports = importsOf(text).some(({ from }) => from.startsWith("cloudflare:"));
  const problems: string[] = [];
  if ((any.test(code) || imports) && !holdsBindings(file)) problems.push(`${file}: knows bindings`);
  else if (stores.test(code) && roomOf(file) !== "store") problems.push(`${file}: knows R2 or KV`);
  // The buckets and namespaces themselves go into the stores' constructors, and nowhere else.
  if (/\.(BLOBS|META)\b/.test(code.replace(/new \w+Store\([^)]*\)/g, "")))
    problems.push(`${file}: touches R2 or KV`);
  return problems;
};

const keysText = files.get(KEYS) ?? "";
/** How keys begin: `blobs/`, `tag:`, …; URL paths of `upstream` and `cli` look the same, and are stored nowhere. */
const families = [...codeOf(keysText).matchAll(/["'`](?!node:|https:)([a-z]+[/:])/g)].flatMap(
  ([, start]) => start ?? [],
);
const builders = [...keysText.matchAll(/export function (\w+)/g)].flatMap(([, name]) => name ?? []);

const keysInOnePlace: Check = (file, text) => {
  if (file === KEYS) return [];
  const code = codeOf(text);
  const problems: string[] = [];
  const start = new RegExp(`["'\`](?:${families.join("|")})`);
  if (start.test(code) && !["upstream", "cli"].includes(roomOf(file)))
    problems.push(`${file}: writes a key out`);
  const own = `(?:${builders.join("|")})\\(`;
  if (new RegExp(`\\$\\{${own}|${own}[^()]*\\)\\s*\\+|\\+\\s*${own}`).test(code))
    problems.push(`${file}: adds to a key`);
  if (/#(?:bucket|kv)\s*\.\s*\w+(?:<[^>]*>)?\(\s*["'`]/.test(code))
    problems.push(`${file}: uses a key of its own`);
  const borrowed = importsOf(text).some(
    ({ from }) => from.startsWith(".") && resolve(file, from) === KEYS,
  );
  // The stores, and the Durable Objects for what they store themselves.
  if (borrowed && !["store", "fill"].includes(roomOf(file))) problems.push(`${file}: imports keys`);
  return problems;
};

/** The admin API's contract is in src/api: no other room describes a schema of it, and no command an answer of its own. */
const oneContract: Check = (file, text) => {
  if (roomOf(file) === "api") return [];
  const code = codeOf(text);
  const describes = /\.openapi\(\s*[{"]/.test(code);
  const declares = roomOf(file) === "cli" && /\bask<\s*\{/.test(code);
  return describes || declares ? [`${file}: describes a part of the admin API`] : [];
};

/** They ask no cache: what they print is the deployer's own. */
const OFFLINE = ["cli/check.ts", "cli/reference.ts", "cli/start.ts"];

const plainLinesAlone: Check = (file, text) => {
  const isFree = file === "cli/lines.ts" || OFFLINE.includes(file);
  if (roomOf(file) !== "cli" || isFree || !/\bconsole\s*\./.test(codeOf(text))) return [];
  return [`${file}: prints past cli/lines`];
};

const shortAndNamed: Check = (file, text) => {
  const lines = text.replace(/\n$/, "").split("\n").length;
  if (lines > 250) return [`${file}: has ${lines} lines`];
  return /^\/\/ \S.{10,}/.test(text) ? [] : [`${file}: does not say what it is`];
};

/** A check, sources that keep it, sources that break it. */
const CHECKS: { title: string; check: Check; good: [string, string][]; bad: [string, string][] }[] =
  [
    {
      title: "imports run one way",
      check: oneWay,
      good: [
        ["oci/a.ts", 'import { b } from "./b.ts";'],
        ["pull/a.ts", 'import type { How } from "../fill/contract.ts";'],
        ["fill/blob/a.ts", 'import { b } from "../../store/b.ts";'],
        ["index.ts", 'import type { Env } from "./env.ts";'],
        ["http/a.ts", 'import { b } from "../api/b.ts";'],
        ["cli/a.ts", 'import type { B } from "../api/b.ts";'],
        ["oci/a.ts", '// import { b } from "../store/b.ts";'],
      ],
      bad: [
        ["oci/a.ts", 'import type { B } from "../config/b.ts";'],
        ["oci/a.ts", 'const b = await import("../store/b.ts");'],
        ["oci/a.ts", 'import {\n  a,\n  b,\n} from "../store/b.ts";'],
        ["config/a.ts", 'import { b } from "../policy/b.ts";'],
        ["store/a.ts", 'import { b } from "../upstream/b.ts";'],
        ["index.ts", 'import { Env } from "./env.ts";'],
        ["fill/a.ts", 'import type { Env } from "../env.ts";'],
        ["oci/a.ts", 'import { meter } from "../meter/meter.ts";'],
        ["http/a.ts", 'import { b } from "../index.ts";'],
        ["env.ts", 'import { B } from "./fill/b.ts";'],
        ["cli/a.ts", 'import { b } from "../oci/b.ts";'],
        ["cli/a.ts", 'import { b } from "../api/b.ts";'],
        ["api/a.ts", 'import type { B } from "../catalog/b.ts";'],
        ["upstream/a.ts", 'import { b } from "../api/b.ts";'],
        ["cli/a.ts", 'import { b } from "../../package.json";'],
        ["utils/a.ts", "export const a = 1;"],
      ],
    },
    {
      title: "text, oci and policy are pure",
      check: pureRooms,
      good: [
        ["oci/a.ts", "// await fetch(url)"],
        ["platform/a.ts", "setTimeout(work, 5);"],
        ["policy/a.ts", "export const late = (at: number, now: number) => at < now;"],
        ["signatures/a.ts", "await subtle.verify(how, key, signature, data);"],
      ],
      bad: [
        ["oci/a.ts", "const now = Date.now();"],
        ["policy/a.ts", "await fetch(url);"],
        ["text/a.ts", 'console.warn("x");'],
        ["signatures/a.ts", "const now = Date.now();"],
      ],
    },
    {
      title: "Hono stays at the door",
      check: honoAtTheDoor,
      good: [["http/a.ts", 'import { Hono } from "hono";']],
      bad: [
        ["pull/a.ts", 'import type { Context } from "hono";'],
        ["oci/a.ts", 'import { b } from "hono/http-exception";'],
      ],
    },
    {
      title: "bindings' types stay in their rooms",
      check: bindingsInTheirRooms,
      good: [
        ["store/a.ts", "const b: R2Bucket = bucket;"],
        ["upstream/gate.ts", "function open(namespace: DurableObjectNamespace) {}"],
        ["fill/a.ts", "const store = new BlobStore(this.env.BLOBS);"],
        ["pull/a.ts", "// R2Bucket, in words"],
      ],
      bad: [
        ["upstream/client.ts", "function f(stub: DurableObjectStub) {}"],
        ["policy/a.ts", 'import { env } from "cloudflare:workers";'],
        ["fill/a.ts", "const b: R2Object = head;"],
        ["fill/a.ts", "await this.env.BLOBS.get(key);"],
      ],
    },
    {
      title: "stored keys are made in one place",
      check: keysInOnePlace,
      good: [
        ["store/a.ts", "this.#bucket.get(blobKey(digest));"],
        ["upstream/client.ts", "const path = `blobs/\u0024{digest}`;"],
      ],
      bad: [
        ["store/a.ts", "this.#bucket.get(`x/\u0024{digest}`);"],
        ["store/a.ts", 'this.#kv.get<Mapping>("x", "json");'],
        ["store/a.ts", "const key = `blobs/\u0024{digest}`;"],
        ["fill/a.ts", 'const key = "tag:" + tag;'],
        ["store/a.ts", 'const key = blobKey(digest) + "/x";'],
        ["store/a.ts", "const key = `\u0024{blobKey(digest)}/x`;"],
        ["pull/a.ts", 'import { blobKey } from "../store/keys.ts";'],
      ],
    },
    {
      title: "commands print by cli/lines alone, which makes text of what a cache answers",
      check: plainLinesAlone,
      good: [
        ["cli/lines.ts", "console.log(plain(line));"],
        ["cli/start.ts", "console.log(summary());"],
        ["upstream/a.ts", "console.warn(text);"],
      ],
      bad: [
        ["cli/a.ts", "console.log(told.name);"],
        ["cli/a.ts", "const out = console.error;"],
      ],
    },
    {
      title: "the admin API is described in src/api alone",
      check: oneContract,
      good: [
        ["api/a.ts", 'export const a = z.object({}).openapi("A");'],
        ["http/a.ts", "api.openapi(route, act);"],
        ["cli/a.ts", 'await api.ask<AboutAnswer>("GET", "/api/about");'],
      ],
      bad: [
        ["http/admin/a.ts", 'const a = z.object({}).openapi("A");'],
        ["http/admin/a.ts", 'const a = z.int().openapi({ description: "bytes" });'],
        ["cli/a.ts", 'await api.ask<{ runs: Run[] }>("GET", "/api/lifecycle/runs");'],
      ],
    },
    {
      title: "a file says in its first line what it is, and has at most 250",
      check: shortAndNamed,
      good: [["oci/a.ts", `// Digests, and what they name.\n${"x\n".repeat(249)}`]],
      bad: [
        ["oci/a.ts", `// Digests, and what they name.\n${"x\n".repeat(250)}`],
        ["oci/a.ts", 'import "./b.ts";\n// Digests, and what they name.'],
      ],
    },
  ];

describe.each(CHECKS)("$title", ({ check, good, bad }) => {
  it("in every file", () => {
    expect([...files].flatMap(([file, text]) => check(file, text))).toEqual([]);
  });

  it.each(good)("is seen to be kept: %s, %#", (file, text) => {
    expect(check(file, text)).toEqual([]);
  });

  it.each(bad)("is seen to be broken: %s, %#", (file, text) => {
    expect(check(file, text)).toHaveLength(1);
  });
});

it("rooms stand in order: none imports one of a later line", () => {
  const order = ROOMS.map(([room]) => room);
  const wrong = ROOMS.flatMap(([room, imports], at) =>
    imports
      .filter((other) => !order.slice(0, at).includes(other))
      .map((other) => `${room}: ${other}`),
  );
  expect(wrong).toEqual([]);
});

describe("no circle", () => {
  it("among the files, types included", () => {
    expect(circlesOf(files)).toEqual([]);
  });

  it.each<{ title: string; sources: Record<string, string>; circles: number }>([
    {
      title: "two files",
      sources: { "a.ts": 'import "./b.ts";', "b.ts": 'import type { A } from "./a.ts";' },
      circles: 1,
    },
    {
      title: "three, over folders",
      sources: {
        "x/a.ts": 'import { b } from "../y/b.ts";',
        "y/b.ts": 'export { c } from "./c.ts";',
        "y/c.ts": 'const a = import("../x/a.ts");',
      },
      circles: 1,
    },
    {
      title: "none",
      sources: {
        "a.ts": 'import "./b.ts";\nimport "./c.ts";',
        "b.ts": 'import "./c.ts";',
        "c.ts": "",
      },
      circles: 0,
    },
  ])("is seen: $title", ({ sources, circles }) => {
    expect(circlesOf(new Map(Object.entries(sources)))).toHaveLength(circles);
  });
});

/** Files that are loaded with a file, and the packages that they import; `import()` loads later. */
function loadedWith(file: string): { files: Set<string>; packages: Set<string> } {
  const [loaded, packages] = [new Set<string>(), new Set<string>()];
  const walk = (one: string) => {
    if (loaded.has(one)) return;
    loaded.add(one);
    const text = codeOf(files.get(one) ?? "").replace(/\bimport\s*\([^)]*\)/g, "");
    for (const { from, typeOnly } of importsOf(text)) {
      if (typeOnly) continue;
      if (from.startsWith(".")) walk(resolve(one, from));
      else packages.add(from);
    }
  };
  walk(file);
  return { files: loaded, packages };
}

describe("the verifier of signatures and its packages", () => {
  const HEAVY = /^@(sigstore|noble)\//;
  it.each(["index.ts", "signatures/open.ts", "cli/entrepot.ts"])(
    "are not loaded with %s",
    (file) => {
      const { files: loaded, packages } = loadedWith(file);
      expect([...packages].filter((name) => HEAVY.test(name))).toEqual([]);
      expect(loaded).not.toContain("signatures/judge.ts");
      expect(loaded.size).toBeGreaterThan(3);
    },
  );

  it("are seen where they are", () => {
    expect([...loadedWith("signatures/judge.ts").packages]).toContain("@sigstore/verify");
  });
});

it("looks at all files, and finds their imports", () => {
  expect(files.size).toBeGreaterThan(40);
  const relative = [...files].flatMap(([file, text]) =>
    importsOf(text).flatMap(({ from }) => (from.startsWith(".") ? [resolve(file, from)] : [])),
  );
  expect(relative.length).toBeGreaterThan(150);
  // Style sheets, the browser's script, the icon, the guide's pages and the trusted root are no code of the Worker's.
  const isText = (path: string) =>
    /^(console\/assets\/[\w.]+\.(css|client\.js|svg)|guide\/\w+\.md|signatures\/trusted-root\.json)$/.test(
      path,
    );
  expect(relative.filter((path) => !files.has(path) && !isText(path))).toEqual([]);
});

it("the key file documents each kind of key that it makes, and no other", () => {
  const documented = [...keysText.matchAll(/^\/\/ +(?:R2|KV|edge) +([a-z]+[/:])/gm)].map(
    ([, start]) => start,
  );
  expect([...new Set(documented)].sort()).toEqual([...new Set(families)].sort());
  expect(families.length).toBeGreaterThan(3);
});

it("whatever is logged in the Worker passes the guard, which is put up before anything runs", () => {
  expect(codeOf(files.get("index.ts") ?? "")).toMatch(/^guard\(console\);$/m);
});
