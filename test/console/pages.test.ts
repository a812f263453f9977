// The console's pages: they show what the API says, do what it does, say what came of it, and escape what others have named.

import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { deletedFlash, refreshedText } from "../../src/console/pages/image-actions.tsx";
import { ADMIN, access, api, shutCache } from "../support/access.ts";
import { Browser, wordsOf } from "../support/browser.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";
import type { Image } from "../support/fixture.ts";
import { pullWhole } from "../support/lifecycle.ts";

const [A, B] = [`sha256:${"a".repeat(64)}`, `sha256:${"b".repeat(64)}`];
const EVIL = '"><img src=x onerror=alert(1)>';

const cache = shutCache();
const browser = new Browser(cache);
const NAME = repository("shown");
let image: Image;

beforeAll(async () => {
  image = await fixture.image(NAME, "1", { layers: [4_000, 2_000] });
  await pullWhole(new Cache(), `open/${NAME}`, "1", image);
  await browser.signIn(ADMIN);
});

afterEach(() => {
  vi.restoreAllMocks();
});

const at = (path: string, query: Record<string, string>) => `${path}?${new URLSearchParams(query)}`;
const shown = async (path: string, query: Record<string, string> = {}) =>
  wordsOf(await browser.open(at(path, query)));
const reference = `open/${NAME}:1`;

describe("images", () => {
  it("are searched, and shown as a tree", async () => {
    expect(await shown("/images", { q: NAME })).toContain(NAME);
    expect(await shown("/images", { q: "nothing-of-the-kind" })).toContain("No matching images");
    const words = await shown("/image", { reference });
    for (const { digest } of [image, ...image.layers])
      expect(words).toContain(digest.slice(0, "sha256:".length + 12));
    expect(words).toContain("4.00 kB");
  });

  it("are confirmed before an action, and its result is shown once", async () => {
    const ask = await browser.open(at("/image/pin", { reference }));
    expect(await wordsOf(ask)).toContain("No policy expires a pinned image");
    const done = await browser.send("/image/pin", { reference });
    expect(browser.path).toBe(at("/image", { reference }));
    expect(await wordsOf(done)).toContain(`${reference} is pinned.`);
    expect(await wordsOf(await browser.open(browser.path))).not.toContain("is pinned.");
    const refused = await browser.send("/image/delete", { reference });
    expect(await wordsOf(refused)).toContain("unpin it first");
    await browser.send("/image/unpin", { reference });
    const refreshed = await browser.send("/image/refresh", { reference });
    expect(await wordsOf(refreshed)).toContain("still points to");
  });

  it("that are deleted are listed no more", async () => {
    const name = repository("deleted-there");
    const other = await fixture.image(name, "1");
    await pullWhole(new Cache(), `open/${name}`, "1", other);
    const own = { reference: `open/${name}:1` };
    expect(await wordsOf(await browser.open(at("/image/delete", own)))).toContain(
      "The image is deleted",
    );
    expect(await wordsOf(await browser.send("/image/delete", own))).toContain("with 1 tag: 1");
    expect((await browser.open(at("/image", own))).status).toBe(404);
  });

  it.each([
    {
      answer: { image: true, tags: ["1"] },
      good: true,
      text: "The image is deleted; with 1 tag: 1; the next sweeps free 5 B.",
    },
    {
      answer: { image: true },
      good: true,
      text: "The image is deleted; the next sweeps free 5 B.",
    },
    { answer: { tags: ["1", "2"] }, good: true, text: "Deleted; with 2 tags: 1, 2." },
    {
      answer: { image: true, tags: ["1"], waiting: ["2"] },
      good: true,
      text: "The image is deleted; with 1 tag: 1; the next sweeps free 5 B; the next sweep deletes 1 tag that is being checked.",
    },
    {
      answer: { waiting: ["1", "2"] },
      good: true,
      text: "The next sweep deletes 2 tags that are being checked.",
    },
    { answer: {}, good: false, text: "x:1 has moved in the meantime; nothing was deleted." },
  ])("deletion shows the result: $answer", ({ answer, good, text }) => {
    const none = { image: false, tags: [], waiting: [], freed: 5 };
    expect(deletedFlash("x:1", { ...none, ...answer })).toEqual({ good, text });
  });

  it.each([
    [{ moved: true, before: A }, "x:1 has moved from sha256:aaaaaaaaaaaa to sha256:bbbbbbbbbbbb."],
    [{ moved: false, before: B }, "x:1 still points to sha256:bbbbbbbbbbbb."],
    [{ moved: false }, "x:1 points to sha256:bbbbbbbbbbbb."],
  ])("refresh shows the result: %j", (answer, text) => {
    expect(refreshedText("x:1", { digest: B, ...answer })).toBe(text);
  });

  it("that are not here are 404, in words", async () => {
    const response = await browser.open(at("/image", { reference: "open/none:1" }));
    expect(response.status).toBe(404);
    expect(await wordsOf(response)).toContain("open/none:1 is not cached here");
  });
});

describe("a rule", () => {
  const fields = { upstream: "registry.console.example", prefix: "console-added", more: "" };

  it("is added, edited and deleted; what is wrong with it is said on its form", async () => {
    const wrong = await browser.send("/rules/new", { ...fields, tagTtl: "soon", more: "{" });
    expect(wrong.status).toBe(400);
    const page = await wrong.text();
    expect(page).toContain("Other fields: must be a JSON object");
    expect(page).toContain('value="registry.console.example"');
    const ttl = await browser.send("/rules/new", { ...fields, tagTtl: "soon" });
    expect(await wordsOf(ttl)).toMatch(/tagTtl: must be/);
    const added = await browser.send("/rules/new", {
      ...fields,
      allow: "team/*",
      more: '{"immutableTags":["v*"]}',
    });
    expect(browser.path).toBe("/rule?name=console-added");
    expect(await wordsOf(added)).toContain('The rule "console-added" is saved');
    const form = await (await browser.open("/rules/edit?name=console-added")).text();
    const version = /name="version" value="(\d+)"/.exec(form)?.[1] ?? "";
    expect(form).toContain("immutableTags");
    const edited = { ...fields, tagTtl: "5m", version };
    expect((await browser.send("/rules/edit?name=console-added", edited)).status).toBe(200);
    const late = await browser.send("/rules/edit?name=console-added", edited);
    expect(await wordsOf(late)).toContain("been changed since");
    await browser.send("/rules/delete", { name: "console-added" });
    expect((await browser.open("/rule?name=console-added")).status).toBe(404);
  });

  it("is validated, also before it is added", async () => {
    const words = await wordsOf(
      await browser.send("/rules/validate", { name: "open", image: `${NAME}:1` }),
    );
    expect(words).toContain("Validation passed.");
    const local = new Browser(shutCache({ LOCAL_ADMIN: "true" }));
    await local.signIn(ADMIN);
    const draft = { upstream: fixture.url("open"), prefix: "draft-images", do: "validate" };
    expect(await wordsOf(await local.send("/rules/new", draft))).toContain("Validation passed.");
    expect((await local.open("/rule?name=draft-images")).status).toBe(404);
  });

  it("of the configuration says where it is changed", async () => {
    expect(await shown("/rule", { name: "open" })).toContain("edit wrangler.toml and deploy");
  });
});

describe("lifecycle policies", () => {
  const rule = { "p0.r0.priority": "1", "p0.r0.which": "any", "p0.r0.count": "imageCountMoreThan" };
  const form = { "p0.repositories": `open/${NAME}`, "p0.protect": "", "p0.r0.tags": "", ...rule };

  it("are tried beside their editor, put in force, and taken back", async () => {
    const second = await fixture.image(NAME, "2", { layers: [1_000] });
    await pullWhole(new Cache(), `open/${NAME}`, "2", second);
    const draft = { ...form, "p0.r0.number": "1" };
    const tried = await wordsOf(
      await browser.send("/lifecycle/preview", { ...draft, do: "preview" }),
    );
    expect(tried).toMatch(/Would expire 1 of/);
    const before = await shown("/lifecycle");
    expect(before).toContain("built-in default");
    expect(before.match(/not pulled for 90 days/g)).toHaveLength(1);
    const saved = await browser.send("/lifecycle/policy", { ...draft, do: "save" });
    expect(await wordsOf(saved)).toMatch(/Policies applied.*except the latest 1/);
    const swept = await browser.send("/lifecycle/run", {});
    expect(await wordsOf(swept)).toMatch(/1 marked, 0 deleted/);
    expect(await shown("/image", { reference })).toContain("expires after the grace period");
    expect(await shown("/events", { kind: "lifecycle" })).toContain(NAME);
    const back = await browser.send("/lifecycle/take-back", {});
    expect(await wordsOf(back)).toContain("built-in default");
  });

  it("that are wrong are refused with their fields, and what was typed stays", async () => {
    const wrong = { ...form, "p0.r0.number": "many" };
    const response = await browser.send("/lifecycle/policy", { ...wrong, do: "save" });
    expect(response.status).toBe(400);
    const page = await response.text();
    expect(page).toContain("countNumber: must be a number");
    expect(page).toContain('value="many"');
    const json = await browser.send("/lifecycle/policy", { json: "{", do: "preview" });
    expect(await wordsOf(json)).toContain("Invalid JSON");
  });

  it("get rules and policies by the form's buttons", async () => {
    const draft = { ...form, "p0.r0.number": "3" };
    const rules = async (button: string) => {
      const page = await (await browser.send("/lifecycle/policy", { ...draft, do: button })).text();
      return [...page.matchAll(/name="(p\d+\.r\d+)\.priority" value="(\d+)"/g)].map(
        ([, name, priority]) => `${name} ${priority}`,
      );
    };
    expect(await rules("preview")).toEqual(["p0.r0 1"]);
    expect(await rules("add 0")).toEqual(["p0.r0 1", "p0.r1 2"]);
    expect(await rules("add")).toEqual(["p0.r0 1", "p1.r0 1"]);
    expect(await rules("remove 0 0")).toEqual([]);
  });
});

describe("a pull token", () => {
  it("is shown once, by an answer that is not stored, and revoked", async () => {
    const wrong = await browser.send("/tokens/new", { name: "", repositories: "" });
    expect(wrong.status).toBe(400);
    const made = await browser.send("/tokens/new", {
      name: "of the console",
      repositories: "open/**\nlocked/**",
      expiry: "1d",
    });
    expect([made.status, made.headers.get("cache-control")]).toEqual([201, "no-store"]);
    expect(made.headers.getSetCookie()).toEqual([]);
    const page = await made.text();
    const token = /entrepot_[0-9A-Za-z]{49}/.exec(page)?.[0] ?? "";
    const headers = { Authorization: `Basic ${btoa(`token:${token}`)}` };
    expect((await cache.fetch(`open/${NAME}/manifests/1`, { headers })).status).toBe(200);
    const list = await (await browser.open("/tokens")).text();
    expect(list).toContain("of the console");
    expect(list).not.toContain(token);
    const id = /id="token-([^"]+)"/.exec(list)?.[1] ?? "";
    expect(await wordsOf(await browser.send("/tokens/revoke", { id }))).toContain("is revoked");
  });
});

describe("prewarming", () => {
  it("is begun, followed and cancelled", async () => {
    const references = `open/${NAME}:1\nopen/none-there:1`;
    const begun = await browser.send("/prewarm/new", {
      references,
      platforms: "all",
      priority: "0",
    });
    expect(browser.path).toMatch(/^\/prewarm\/job\?id=/);
    const page = await begun.text();
    expect(page).toContain("started for 2 images");
    const id = browser.path.split("=")[1] ?? "";
    await browser.send("/prewarm/cancel", { id });
    expect(await shown("/prewarm")).toContain("2 images");
    const wrong = await browser.send("/prewarm/new", {
      references: "",
      platforms: "",
      priority: "0",
    });
    expect(wrong.status).toBe(400);
  });
});

it("events show what happened, and who did what", async () => {
  expect(await shown("/events")).toContain(NAME);
  expect(await shown("/events", { kind: "audit" })).toMatch(/the admin token pinned/);
});

it("a name that every object has is no kind of event, and no file", async () => {
  for (const name of ["constructor", "__proto__", "toString"]) {
    expect(await shown("/events", { kind: name })).toContain(NAME);
    expect((await browser.open(`/assets/${name}`)).status).toBe(404);
  }
});

it("explain tells each step, also of what it cannot read", async () => {
  expect(await shown("/explain", { reference })).toContain("next pull: 200");
  const wrong = await browser.open(at("/explain", { reference: "UPPER CASE" }));
  expect(wrong.status).toBe(400);
});

it("the overview counts what was pulled", async () => {
  for (const path of ["/", "/?range=30d"]) {
    const words = await wordsOf(await browser.open(path));
    expect(words).toMatch(/Pulls [1-9]/);
    expect(words).toContain(NAME);
  }
});

it("/setup is a page for browsers, with what curl is told, and curl's text for the others", async () => {
  const words = await shown("/setup", { client: "podman" });
  const headers = { Authorization: `Bearer ${ADMIN}` };
  const printed = await (await cache.ask("https://cache.example/setup/podman", { headers })).text();
  expect(words).toContain(printed.replace(/\s+/g, " ").trim());
  const list = await cache.ask("https://cache.example/setup", { headers });
  expect(list.headers.get("content-type")).toContain("text/plain");
});

it("the quarantine adds a digest, and removes it", async () => {
  const { digest } = image;
  const added = await browser.send("/quarantine/add", { digest, reason: "a test's" });
  expect(await wordsOf(added)).toContain("a test's");
  await browser.send("/quarantine/release", { digest });
  expect(await shown("/quarantine")).toContain("No digests in quarantine");
  const wrong = await browser.send("/quarantine/add", { digest: "sha256:1", reason: "x" });
  expect(wrong.status).toBe(400);
});

it("an allowance is added, confirmed by another person, and removed", async () => {
  const { digest } = image;
  expect(await shown("/images")).toContain("allowances");
  expect(await shown("/allowances")).toContain("No allowances");
  const wrong = await browser.send("/allowances/add", { digest, until: "31d", reason: "x" });
  expect([wrong.status, await wordsOf(wrong)]).toEqual([
    400,
    expect.stringContaining("until: must be within 30 days"),
  ]);
  const added = await browser.send("/allowances/add", { digest, until: "24h", reason: "a fix" });
  expect(await wordsOf(added)).toMatch(/a fix by the admin token, not confirmed, ends in \d/);
  // The person who added it has no button, and no way round it.
  expect(await shown("/allowances")).not.toContain("Confirm");
  const own = await browser.send("/allowances/confirm", { digest });
  expect([own.status, await wordsOf(own)]).toEqual([
    409,
    expect.stringContaining("another person must confirm it"),
  ]);
  const [at, until] = [Date.now(), Date.now() + 60_000];
  await access.allow({ digest, until, reason: "another fix", who: "ann@example.com", at });
  expect(await shown("/allowances")).toContain("another fix by ann@example.com");
  const confirmed = await browser.send("/allowances/confirm", { digest });
  expect(await wordsOf(confirmed)).toContain("confirmed by the admin token");
  expect(await wordsOf(await browser.send("/allowances/remove", { digest }))).toContain(
    "No allowances",
  );
});

it("held tags are listed, and released for the digest that was shown", async () => {
  const name = repository("held-there");
  const rule = { prefix: "held", upstream: fixture.url("open") + apartPath(), minimumAge: "1h" };
  const holding = shutCache({ RULES: [{ ...rule, anonymous: true }] });
  const own = new Browser(holding);
  await own.signIn(ADMIN);
  const { digest } = await fixture.image(name, "1");
  const get = async () => {
    const response = await holding.fetch(`held/${name}/manifests/1`);
    await response.arrayBuffer();
    return response.status;
  };
  expect(await get()).toBe(403);
  const words = await wordsOf(await own.open("/held"));
  expect(words).toContain(`held/${name}:1`);
  expect(words).toContain("nothing: refused");
  const about = { reference: `held/${name}:1`, digest };
  expect(await wordsOf(await own.open(at("/held/release", about)))).toContain(digest);
  const other = { ...about, digest: A, reason: "tested" };
  expect(await wordsOf(await own.send("/held/release", other))).toContain(`means ${digest} by now`);
  expect(await get()).toBe(403);
  const done = await own.send("/held/release", { ...about, reason: "tested", until: "" });
  expect(own.path).toBe("/held");
  expect(await wordsOf(done)).toContain(`held/${name}:1 is released until`);
  expect(await get()).toBe(200);
});

it("foreign names are shown as text on every page", async () => {
  await api(cache, "POST", "tokens", { name: EVIL, repositories: ["none/**"] });
  const pages = [
    "/tokens",
    at("/images", { q: EVIL, rule: EVIL }),
    at("/explain", { reference: EVIL, ns: EVIL }),
    at("/image", { reference: EVIL }),
    at("/rule", { name: EVIL }),
    at("/rules/edit", { name: EVIL }),
    at("/quarantine/add", { digest: EVIL, reason: EVIL }),
    at("/allowances/add", { digest: EVIL, until: EVIL, reason: EVIL }),
    at("/allowances/confirm", { digest: EVIL }),
    at("/allowances/remove", { digest: EVIL }),
    at("/held/release", { reference: EVIL, digest: EVIL, reason: EVIL, until: EVIL }),
    at("/prewarm/new", { references: EVIL, platforms: EVIL }),
    at("/events", { kind: EVIL }),
    at("/setup", { client: EVIL, login: EVIL }),
    at("/upstream", { at: EVIL }),
    at("/sign-in", { to: `/${EVIL}` }),
    at("/image/pin", { reference: EVIL }),
  ];
  for (const path of pages) {
    const page = await (await browser.open(path)).text();
    expect([path, page.includes("<img src=x")]).toEqual([path, false]);
  }
  const said = encodeURIComponent(
    JSON.stringify({ good: true, text: EVIL, link: { href: "javascript:x", text: "x" } }),
  );
  const page = await browser.once("GET", "/tokens", {
    headers: { Cookie: `${browser.cookies}; __Host-entrepot-said=${said}` },
  });
  expect(await page.text()).not.toMatch(/<img src=x|javascript:x/);
});
