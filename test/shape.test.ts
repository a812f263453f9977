// The structure of the code: who may import whom, what belongs where, how a file begins and ends.

/// <reference types="vite/types/importMeta.d.ts" />
import { describe, expect, it } from "vitest";

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

const LOWEST = ["text", "oci", "meter"];
const PURE = [...LOWEST, "config", "policy"];
const DOING = [...PURE, "upstream", "store", "env"];
const PULLING = [...PURE, "upstream", "store", "fill", "catalog"];
/** Room → the other rooms that it may import. `env` is types only, on both sides. */
const MAY_IMPORT: Record<string, string[]> = {
  text: [],
  oci: ["text", "meter"],
  meter: [],
  config: LOWEST,
  policy: [...LOWEST, "config"],
  upstream: PURE,
  store: PURE,
  fill: [...DOING, "catalog"],
  catalog: DOING,
  pull: PULLING,
  lifecycle: PULLING,
  access: DOING,
  report: [...PURE, "catalog"],
  prewarm: [...PULLING, "pull", "access", "env"],
  explain: [...PULLING, "pull", "access"],
  setup: PURE,
  reference: ["config"],
  http: [...PULLING, "pull", "lifecycle", "access", "explain", "report", "prewarm", "setup"],
  console: ["text", "oci", "config", "access", "http", "setup", "reference", "guide"],
  index: [
    ...PULLING,
    "pull",
    "lifecycle",
    "access",
    "explain",
    "http",
    "console",
    "prewarm",
    "env",
  ],
  env: ["upstream", "fill", "catalog", "access", "meter", "prewarm"],
  cli: ["text", "config", "reference"],
};

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
  const allowed = MAY_IMPORT[room];
  if (!allowed) return [`${file}: is in no room of the plan`];
  return importsOf(text)
    .filter(({ from }) => from.startsWith("."))
    .flatMap(({ from, typeOnly }) => {
      const other = roomOf(resolve(file, from));
      if (other === room) return [];
      if (!allowed.includes(other)) return [`${file}: imports ${other}`];
      const needsType = room === "env" || other === "env";
      return needsType && !typeOnly ? [`${file}: imports more than types of ${other}`] : [];
    });
};

const honoAtTheDoor: Check = (file, text) =>
  importsOf(text)
    .filter(
      ({ from }) =>
        /^hono(\/|$)/.test(from) && !["http", "console", "index"].includes(roomOf(file)),
    )
    .map(() => `${file}: imports hono`);

const holdsBindings = (file: string) =>
  ["store", "fill", "catalog", "access", "prewarm", "env", "index"].includes(roomOf(file)) ||
  file === "upstream/gate.ts";

const bindingsInTheirRooms: Check = (file, text) => {
  const code = codeOf(text);
  const any =
    /\b(R2[A-Z]\w*|KVNamespace\w*|DurableObject\w*|SqlStorage\w*|ExecutionContext|caches)\b/;
  const stores = /\b(R2[A-Z]\w*|KVNamespace\w*|CacheStorage|caches)\b/;
  const imports = importsOf(text).some(({ from }) => from.startsWith("cloudflare:"));
  const problems: string[] = [];
  if ((any.test(code) || imports) && !holdsBindings(file)) problems.push(`${file}: knows bindings`);
  else if (stores.test(code) && !["store", "env"].includes(roomOf(file)))
    problems.push(`${file}: knows R2 or KV`);
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
const CHECKS: [string, Check, good: [string, string][], bad: [string, string][]][] = [
  [
    "imports run one way",
    oneWay,
    [
      ["oci/a.ts", 'import { b } from "./b.ts";'],
      ["pull/a.ts", 'import type { How } from "../fill/how.ts";'],
      ["fill/a.ts", 'import type { Env } from "../env.ts";'],
      ["oci/a.ts", '// import { b } from "../store/b.ts";'],
    ],
    [
      ["oci/a.ts", 'import type { B } from "../config/b.ts";'],
      ["oci/a.ts", 'const b = await import("../store/b.ts");'],
      ["oci/a.ts", 'import {\n  a,\n  b,\n} from "../store/b.ts";'],
      ["config/a.ts", 'import { b } from "../policy/b.ts";'],
      ["store/a.ts", 'import { b } from "../upstream/b.ts";'],
      ["fill/a.ts", 'import { Env } from "../env.ts";'],
      ["pull/a.ts", 'import type { Env } from "../env.ts";'],
      ["http/a.ts", 'import { b } from "../index.ts";'],
      ["env.ts", 'import { B } from "./fill/b.ts";'],
      ["cli/a.ts", 'import { b } from "../oci/b.ts";'],
      ["cli/a.ts", 'import { b } from "../../package.json";'],
      ["utils/a.ts", "export const a = 1;"],
    ],
  ],
  [
    "Hono stays at the door",
    honoAtTheDoor,
    [["http/a.ts", 'import { Hono } from "hono";']],
    [
      ["pull/a.ts", 'import type { Context } from "hono";'],
      ["oci/a.ts", 'import { b } from "hono/http-exception";'],
    ],
  ],
  [
    "bindings' types stay in their rooms",
    bindingsInTheirRooms,
    [
      ["store/a.ts", "const b: R2Bucket = bucket;"],
      ["upstream/gate.ts", "function open(namespace: DurableObjectNamespace) {}"],
      ["fill/a.ts", "const store = new BlobStore(this.env.BLOBS);"],
      ["pull/a.ts", "// R2Bucket, in words"],
    ],
    [
      ["upstream/client.ts", "function f(stub: DurableObjectStub) {}"],
      ["policy/a.ts", 'import { env } from "cloudflare:workers";'],
      ["fill/a.ts", "const b: R2Object = head;"],
      ["fill/a.ts", "await this.env.BLOBS.get(key);"],
    ],
  ],
  [
    "stored keys are made in one place",
    keysInOnePlace,
    [
      ["store/a.ts", "this.#bucket.get(blobKey(digest));"],
      ["upstream/client.ts", "const path = `blobs/\u0024{digest}`;"],
    ],
    [
      ["store/a.ts", "this.#bucket.get(`x/\u0024{digest}`);"],
      ["store/a.ts", 'this.#kv.get<Mapping>("x", "json");'],
      ["store/a.ts", "const key = `blobs/\u0024{digest}`;"],
      ["fill/a.ts", 'const key = "tag:" + tag;'],
      ["store/a.ts", 'const key = blobKey(digest) + "/x";'],
      ["store/a.ts", "const key = `\u0024{blobKey(digest)}/x`;"],
      ["pull/a.ts", 'import { blobKey } from "../store/keys.ts";'],
    ],
  ],
  [
    "commands print by cli/lines alone, which makes text of what a cache answers",
    plainLinesAlone,
    [
      ["cli/lines.ts", "console.log(plain(line));"],
      ["cli/start.ts", "console.log(summary());"],
      ["upstream/a.ts", "console.warn(text);"],
    ],
    [
      ["cli/a.ts", "console.log(told.name);"],
      ["cli/a.ts", "const out = console.error;"],
    ],
  ],
  [
    "a file says in its first line what it is, and has at most 250",
    shortAndNamed,
    [["oci/a.ts", `// Digests, and what they name.\n${"x\n".repeat(249)}`]],
    [
      ["oci/a.ts", `// Digests, and what they name.\n${"x\n".repeat(250)}`],
      ["oci/a.ts", 'import "./b.ts";\n// Digests, and what they name.'],
    ],
  ],
];

describe.each(CHECKS)("%s", (_, check, good, bad) => {
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

it("looks at all files, and finds their imports", () => {
  expect(files.size).toBeGreaterThan(40);
  const relative = [...files].flatMap(([file, text]) =>
    importsOf(text).flatMap(({ from }) => (from.startsWith(".") ? [resolve(file, from)] : [])),
  );
  expect(relative.length).toBeGreaterThan(150);
  // Style sheets, the browser's script, the icon and the guide's pages are no code of the Worker's.
  const isText = (path: string) =>
    /^(console\/assets\/[\w.]+\.(css|client\.js|svg)|guide\/\w+\.md)$/.test(path);
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
