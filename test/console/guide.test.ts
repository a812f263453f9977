// The guide at /guide: its pages render, with this cache's address and rules in their examples, for whom the API is for.

import { describe, expect, it } from "vitest";
import { filledIn, GUIDE, INDEX } from "../../src/console/parts/guide-text.ts";
import { rendered } from "../../src/console/parts/markdown.tsx";
import type { Facts } from "../../src/setup/facts.ts";
import { ADMIN, basic, bearer, pullToken, shut, shutCache, VIEWER } from "../support/access.ts";
import { Cache } from "../support/cache.ts";

const HTML = { Accept: "text/html" };
const RULES = [
  { prefix: "secret-hub", upstream: "docker.io" },
  { prefix: "ghcr.io", upstream: "ghcr.io" },
  { prefix: "team-apart", upstream: "registry.internal.example" },
];
const cache = shutCache({ RULES });
const PATHS = ["/guide", ...GUIDE.map(({ name }) => `/guide/${name}`)];
const ask = (path: string, headers: Record<string, string> = bearer(VIEWER), one = cache) =>
  one.ask(`https://own.example${path}`, { headers: { ...HTML, ...headers }, redirect: "manual" });
const page = async (path: string) => {
  const response = await ask(path);
  expect([path, response.status]).toEqual([path, 200]);
  return response.text();
};

describe("every page", () => {
  const pages = new Map<string, string>();
  const open = async (path: string) => {
    const text = pages.get(path) ?? (await page(path));
    pages.set(path, text);
    return text;
  };

  it.each(PATHS)("%s has the console's frame and policy, and no raw markup", async (path) => {
    const response = await ask(path);
    expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
    const text = await open(path);
    const title = /<h1>(.*?)<\/h1>/.exec(text)?.[1] ?? "";
    expect(title).toMatch(/^[A-Z]/);
    expect(text).toContain(`<a href="${path}" aria-current="page">`);
    expect(text).not.toMatch(/<script(?! src="\/assets\/)| style=| on[a-z]+="|javascript:/);
    // Markdown that was not understood would be left in the text.
    const words = text.replace(/<code>[\s\S]*?<\/code>/g, "");
    expect(words).not.toMatch(/```|\]\(|\*\*|&lt;!--|\| ---/);
  });

  it.each(PATHS)("%s has no example address, and links that lead somewhere", async (path) => {
    const text = await open(path);
    expect(text).not.toContain("cache.example.com");
    for (const [, href = ""] of text.matchAll(/<a (?:class="\w+" )?href="([^"]+)"/g)) {
      if (/^https:\/\/developers\.cloudflare\.com\//.test(href)) continue;
      const [target = "", anchor] = href.split("#");
      if (!target.startsWith("/guide") && target !== "") continue;
      const other = await open(target === "" ? path : target);
      if (anchor !== undefined)
        expect([href, other.includes(`id="${anchor}"`)]).toEqual([href, true]);
    }
  });
});

it("the examples have the cache's own address, its scheme, and its rules' prefixes", async () => {
  const clients = await page("/guide/clients");
  expect(clients).toContain("[host.&quot;https://own.example&quot;]");
  expect(clients).toContain("[host.&quot;https://own.example/v2/secret-hub&quot;]");
  expect(clients).toContain("docker pull own.example/secret-hub/library/alpine");
  expect(clients).toContain("own.example/ghcr.io/stefanprodan");
  // Without a rule for it there is no example name: it could belong to another site.
  expect(clients).toContain("own.example/quay.io/prometheus");
  expect(await page("/guide/troubleshooting")).toContain(
    "explain secret-hub/library/alpine:3 --url https://own.example",
  );
  expect(await page("/guide")).toMatch(/own\.example\/team-apart/);
  const local = new Cache({ ...shut(), RULES });
  const response = await local.ask("http://127.0.0.1:9000/guide/clients", {
    headers: { ...HTML, ...bearer(ADMIN) },
  });
  expect(await response.text()).toContain("[host.&quot;http://127.0.0.1:9000/v2/secret-hub&quot;]");
});

describe("a visitor who may not see the rules", () => {
  const PRIVATE = /secret-hub|team-apart|registry\.internal/;

  it.each(PATHS)("sees no rule at %s", async (path) => {
    const { token } = await pullToken(cache, ["**"]);
    for (const headers of [{}, basic(token), bearer(token), { Cookie: "__Host-entrepot=x.y.z" }]) {
      const response = await ask(path, headers);
      expect(response.status).toBe(303);
      expect(response.headers.get("location")).toBe(
        `/sign-in?${new URLSearchParams({ to: path })}`,
      );
      expect(await response.text()).not.toMatch(PRIVATE);
    }
    const curl = await cache.ask(`https://own.example${path}`);
    expect([curl.status, PRIVATE.test(await curl.text())]).toEqual([401, false]);
  });

  it("gets no guide on a cache without an admin", async () => {
    const none = shutCache({ RULES, ADMIN_TOKEN: "", VIEWER_TOKEN: "" });
    const response = await ask("/guide/clients", {}, none);
    expect([response.status, PRIVATE.test(await response.text())]).toEqual([404, false]);
  });
});

it.each(["/guide/none", "/guide/README", "/guide/clients.md", "/guide/%2e%2e%2fsetup"])(
  "%s is no page",
  async (path) => {
    const response = await ask(path);
    expect([response.status, await response.text()]).toEqual([
      404,
      expect.stringContaining("This guide page does not exist"),
    ]);
  },
);

it("a host that is a command is in no example", async () => {
  for (const path of PATHS) {
    const response = await cache.ask(`https://x$(id).example.com${path}`, {
      headers: { ...HTML, ...bearer(ADMIN) },
    });
    expect([path, response.status]).toEqual([path, 400]);
  }
});

describe("Markdown", () => {
  const EVIL = '"><img src=x onerror=alert(1)>';
  const html = async (source: string, text = (word: string) => word) =>
    String((await rendered(source, { text, link: (href) => href })).body);

  it.each([
    `${EVIL}`,
    `\`${EVIL}\``,
    `    ${EVIL}`,
    `\`\`\`sh\n${EVIL}\n\`\`\``,
    `## ${EVIL}`,
    `- ${EVIL}`,
    `> ${EVIL}`,
    `**${EVIL}**`,
    `[${EVIL}](a.md)`,
    `[a](<${EVIL}>)`,
    `![${EVIL}](a.png)`,
    `| ${EVIL} |\n| --- |\n| ${EVIL} |`,
    "<script>alert(1)</script>",
    "a <script>alert(1)</script>",
  ])("has no markup of its own: %j", async (source) => {
    const shown = await html(`# T\n\n${source}`);
    expect(shown).not.toMatch(/<img|<script|onerror=[^&]*"/);
    expect(shown).toMatch(/alert\(1\)/);
  });

  it("filled-in values are text, and no Markdown", async () => {
    const shown = await html("# T\n\nx `x` [x](y)\n\n```sh\nx\n```", () => `[a](b) ${EVIL}`);
    expect(shown).not.toMatch(/<img|href="b"/);
    expect(shown.match(/&lt;img/g)).toHaveLength(5);
  });

  it("has headings with anchors as GitHub makes them, and lists, tables and code", async () => {
    const source =
      "# Title\n\n## A `b`, c-d\n\n## A b, c-d\n\n1. one\n2. *two*\n\n| a | |\n| --- | --- |\n| `x \\| y` | 1 |\n\n```toml\na = 1\n```\n\n<!-- unseen -->\n";
    const { title, sections, body } = await rendered(source, { text: (x) => x, link: (x) => x });
    expect([title, sections.map(({ id }) => id)]).toEqual(["Title", ["a-b-c-d", "a-b-c-d-1"]]);
    const shown = String(body);
    for (const part of ['<h2 id="a-b-c-d">', "<ol>", "<em>two</em>", "<code>x | y</code>", "a = 1"])
      expect(shown).toContain(part);
    expect(shown).not.toContain("unseen");
  });
});

describe("filling in", () => {
  const facts: Facts = {
    url: "https://own.example:8443",
    host: "own.example:8443",
    insecure: false,
    hubIsDefault: true,
    login: true,
    enforces: false,
    mirrored: [
      { registry: "docker.io", location: "own.example:8443" },
      { registry: "quay.io", location: "own.example:8443/q" },
    ],
  };

  it.each([
    ["https://cache.example.com", "https://own.example:8443"],
    ["cache.example.com", "own.example:8443"],
    ["https://cache.example.com/api/audit?n=20", "https://own.example:8443/api/audit?n=20"],
    ["at cache.example.com.", "at own.example:8443."],
    ["cache.example.com/quay.io/a/b:1", "own.example:8443/q/a/b:1"],
    ["https://cache.example.com/v2/quay.io/a", "https://own.example:8443/v2/q/a"],
    ['location = "cache.example.com/quay.io"', 'location = "own.example:8443/q"'],
    ['"https://cache.example.com/v2/quay.io"', '"https://own.example:8443/v2/q"'],
    [
      "cache.example.com/quay.io-x/a cache.example.com/api",
      "own.example:8443/quay.io-x/a own.example:8443/api",
    ],
    // The default rule has no prefix.
    ["cache.example.com/docker.io/library/a", "own.example:8443/library/a"],
    ["cache.example.com/gcr.io/a", "own.example:8443/gcr.io/a"],
    ["x.cache.example.com cache.example.community", "x.cache.example.com cache.example.community"],
    ["docker.io/library/alpine means", "docker.io/library/alpine means"],
    [
      "$ npm run entrepot -- explain quay.io/a:1 --url x",
      "$ npm run entrepot -- explain q/a:1 --url x",
    ],
    [
      "npm run tokens -- create 'docker.io/library/*,quay.io/**'",
      "npm run tokens -- create 'library/*,q/**'",
    ],
    [
      "npm run entrepot -- refresh quay.io/a\nquay.io/a",
      "npm run entrepot -- refresh q/a\nquay.io/a",
    ],
  ])("%s", (text, filled) => {
    expect(filledIn(text, facts)).toBe(filled);
  });

  it("is of every page that is listed", async () => {
    for (const one of [INDEX, ...GUIDE]) expect((await one.load()).default).toMatch(/^# [A-Z]/);
  });
});
