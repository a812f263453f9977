// Admission by signature: what a rule with `verify` serves, by tag, by digest, for children and blobs, and what it refuses.

import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import { meter } from "../../src/meter/meter.ts";
import { access, shut } from "../support/access.ts";
import { counting, untouchable, watchingEdge } from "../support/bindings.ts";
import { apartPath, Cache, cacheApart, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { TYPES } from "../support/fixture.ts";
import { type Keys, keyPair, signByBundle, signByTag } from "../support/signing.ts";

const keys = keyPair();
const others = keyPair();

afterEach(() => {
  vi.restoreAllMocks();
});

const OPEN = JSON.stringify({ mode: "open", acknowledgeOpen: true });
const ENTRY = { images: ["**"], key: "SIGNER" };

/** A cache whose rules enforce signatures by the key. */
function enforcing(fields: object = {}, overrides: object = {}, path = apartPath()): Cache {
  const verify = { verify: [ENTRY], verifyMode: "enforce", ...fields };
  return cacheApart(verify, { SIGNER: keys.pem, ...overrides }, path);
}

async function refusal(answering: Promise<Response>) {
  const response = await answering;
  const text = await response.text();
  const { errors } = JSON.parse(text === "" ? '{"errors":[{}]}' : text);
  return { status: response.status, code: errors[0].code, message: errors[0].message as string };
}

async function statusOf(answering: Promise<Response>): Promise<number> {
  const response = await answering;
  await response.arrayBuffer();
  return response.status;
}

/** Statuses of everything that a client asks for, in its order. */
async function statuses(cache: Cache, paths: string[], init: RequestInit = {}): Promise<number[]> {
  const found: number[] = [];
  for (const path of paths) found.push(await statusOf(cache.fetch(path, init)));
  return found;
}

async function image(hint: string) {
  const name = repository(hint);
  const made = await fixture.image(name, "1", { layers: [1000, 2000] });
  const blobs = [made.config, ...made.layers].map(({ digest }) => `open/${name}/blobs/${digest}`);
  const byTag = `open/${name}/manifests/1`;
  const byDigest = `open/${name}/manifests/${made.digest}`;
  return { name, made, byTag, byDigest, blobs, paths: [byTag, byDigest, ...blobs] };
}

describe("an image that is signed", () => {
  const ways: [
    string,
    (
      name: string,
      subject: Awaited<ReturnType<typeof image>>["made"],
      by: Keys,
    ) => Promise<unknown>,
  ][] = [
    ["under the .sig tag", signByTag],
    ["by a bundle among its referrers", signByBundle],
    [
      "by a bundle under the fallback tag",
      (name, subject, by) => signByBundle(name, subject, by, false),
    ],
  ];

  it.each(ways)("%s is served, with all that belongs to it", async (_, sign) => {
    const { name, made, paths } = await image("signed");
    await sign(name, made, keys);
    expect(await statuses(enforcing(), paths)).toEqual(paths.map(() => 200));
  });

  it.each(ways)("%s by another key is refused, and told", async (_, sign) => {
    const { name, made, paths, byTag } = await image("forged");
    await sign(name, made, others);
    const cache = enforcing();
    expect(await statuses(cache, paths)).toEqual(paths.map(() => 403));
    const { code, message } = await refusal(cache.fetch(byTag));
    expect(code).toBe("DENIED");
    expect(message).toContain('verify[0] of the rule "open" asks: by the key SIGNER');
    expect(message).toContain("is by another key");
  });
});

describe("an image without a signature", () => {
  it("is refused by tag and digest, HEAD, GET and range, when cached and when not", async () => {
    const { name, byTag, byDigest, blobs, paths } = await image("unsigned");
    const cache = enforcing();
    const head = { method: "HEAD" };
    for (const _ of [1, 2]) {
      expect(await statuses(cache, paths, head)).toEqual(paths.map(() => 403));
      expect(await statuses(cache, paths)).toEqual(paths.map(() => 403));
      const ranged = { headers: { range: "bytes=1-5" } };
      expect(await statuses(cache, blobs, ranged)).toEqual(blobs.map(() => 403));
      const same = { headers: { "if-none-match": `"${byDigest.split("/").at(-1)}"` } };
      expect(await statuses(cache, [byTag, byDigest], same)).toEqual([403, 403]);
    }
    const { code, message } = await refusal(cache.fetch(byTag));
    expect(code).toBe("DENIED");
    expect(message).toContain("is not signed");
    expect(message).toContain("cosign sign");
    await cache.settled();
    expect(await fixture.requests({ repository: name, kind: "referrers" })).toHaveLength(1);
  });

  it("is served 31 s after it was signed, and not asked about before", async () => {
    const { name, made, byTag } = await image("later");
    const cache = enforcing();
    expect(await statusOf(cache.fetch(byTag))).toBe(403);
    await signByTag(name, made, keys);
    expect(await statusOf(cache.fetch(byTag))).toBe(403);
    later(31_000);
    expect(await statusOf(cache.fetch(byTag))).toBe(200);
  });

  it.each([
    ["by a bundle, within listTtl", signByBundle],
    ["under a tag, within negativeTtl", signByTag],
  ])("is served 31 s after it was signed %s", async (_, sign) => {
    const { name, made, byTag } = await image("later");
    const cache = enforcing({ listTtl: "1d", tagTtl: "1d", negativeTtl: "1h" });
    expect(await statusOf(cache.fetch(byTag))).toBe(403);
    await sign(name, made, keys);
    later(31_000);
    expect(await statusOf(cache.fetch(byTag))).toBe(200);
  });

  it("is served where the rule only reports, and the log line says what would have been refused", async () => {
    const { paths } = await image("reported");
    const log = vi.spyOn(console, "log");
    expect(await statuses(enforcing({ verifyMode: "report" }, { LOG: "all" }), paths)).toEqual(
      paths.map(() => 200),
    );
    const lines = log.mock.calls
      .map(([text]) => String(text))
      .filter((text) => text.includes("wouldRefuse"));
    expect(lines).toHaveLength(paths.length);
  });
});

describe("an index", () => {
  async function index(hint: string) {
    const name = repository(hint);
    const [amd, arm] = await Promise.all([
      fixture.image(name, undefined, { layers: [1000] }),
      fixture.image(name, undefined, {
        layers: [1500],
        platform: { os: "linux", architecture: "arm64" },
      }),
    ]);
    const made = await fixture.index(name, "1", [amd, arm]);
    const of = (child: typeof amd) => [
      `open/${name}/manifests/${child.digest}`,
      ...[child.config, ...child.layers].map(({ digest }) => `open/${name}/blobs/${digest}`),
    ];
    return { name, made, amd, arm, of, byTag: `open/${name}/manifests/1` };
  }

  it("that is signed covers its children and their blobs", async () => {
    const { name, made, amd, of, byTag } = await index("index");
    await signByTag(name, made, keys);
    const cache = enforcing();
    expect(await statuses(cache, [byTag, ...of(amd)])).toEqual([200, 200, 200, 200]);
  });

  it("covers them in an isolate that has not seen the index", async () => {
    const { name, made, amd, arm, of, byTag } = await index("index");
    await signByTag(name, made, keys);
    const path = apartPath();
    expect(await statuses(enforcing({}, {}, path), [byTag])).toEqual([200]);
    expect(await statuses(enforcing({}, {}, path), of(amd))).toEqual([200, 200, 200]);
    expect(await statuses(enforcing({}, {}, path), of(arm))).toEqual([200, 200, 200]);
  });

  it("covers nothing in a repository that is no longer linked to it", async () => {
    const { BLOBS, META } = env as unknown as Env;
    const { name, made, arm, of, byTag } = await index("index");
    await signByTag(name, made, keys);
    const path = apartPath();
    const first = enforcing({}, {}, path);
    expect(await statuses(first, [byTag])).toEqual([200]);
    await first.settled();
    const [, hex] = made.digest.split(":");
    const { objects } = await BLOBS.list({ prefix: `links/sha256/${hex}/` });
    for (const { key } of objects)
      await BLOBS.put(key, "", { customMetadata: { withdrawn: "true" } });
    const { keys: links } = await META.list({ prefix: "link:" });
    for (const link of links) if (link.name.includes(made.digest)) await META.delete(link.name);
    const elsewhere = await enforcing({}, {}, path).fetch(of(arm)[0] as string, {}, "far.example");
    expect([objects.length, elsewhere.status]).toEqual([1, 403]);
  });

  it("that is not signed does not cover a child, which counts if it is signed itself", async () => {
    const { name, amd, arm, of, byTag } = await index("index");
    await signByTag(name, arm, keys);
    const cache = enforcing();
    expect(await statuses(cache, [byTag, ...of(amd)])).toEqual([403, 403, 403, 403]);
    expect(await statuses(cache, of(arm))).toEqual([200, 200, 200]);
  });

  it("a child whose index is not known is refused, until the index was pulled", async () => {
    const { name, made, amd, of, byTag } = await index("index");
    await signByTag(name, made, keys);
    const cache = enforcing();
    expect(await statuses(cache, of(amd).slice(0, 1))).toEqual([403]);
    expect(await statuses(cache, [byTag, ...of(amd)])).toEqual([200, 200, 200, 200]);
  });

  it("another child under a signed tag is refused: the signature was over the former index", async () => {
    const { name, made, amd, of, byTag } = await index("index");
    await signByTag(name, made, keys);
    const evil = await fixture.image(name, undefined, { layers: [777], seed: "evil" });
    await fixture.index(name, "1", [evil, amd]);
    const cache = enforcing();
    expect(await statuses(cache, [byTag, ...of(evil)])).toEqual([403, 403, 403, 403]);
  });

  it("is signed, and a client without support of indexes is served its child", async () => {
    const { name, made, byTag } = await index("index");
    await signByTag(name, made, keys);
    const accept = { headers: { accept: TYPES.oci.manifest } };
    expect(await statuses(enforcing(), [byTag], accept)).toEqual([200]);
  });

  it("is not signed, and a client without support of indexes is refused its child", async () => {
    const { byTag } = await index("index");
    const accept = { headers: { accept: TYPES.oci.manifest } };
    expect(await statuses(enforcing(), [byTag], accept)).toEqual([403]);
  });
});

describe("an allowance", () => {
  const HOUR = 60 * 60_000;

  async function allow(digest: string, until = Date.now() + HOUR): Promise<void> {
    await access.allow({ digest, until, reason: "INC-1", who: "anyone", at: Date.now() });
  }

  it("of an index covers its children and blobs, until its end", async () => {
    const name = repository("allowed");
    const child = await fixture.image(name, undefined);
    const other = await fixture.image(name, undefined, { layers: [777], seed: "other" });
    const made = await fixture.index(name, "1", [child]);
    await fixture.index(name, "2", [other]);
    const of = ({ digest, config, layers }: typeof child) => [
      `open/${name}/manifests/${digest}`,
      ...[config, ...layers].map((blob) => `open/${name}/blobs/${blob.digest}`),
    ];
    const paths = [`open/${name}/manifests/1`, ...of(child)];
    const path = apartPath();
    expect(await statuses(enforcing({}, {}, path), paths)).toEqual(paths.map(() => 403));
    await allow(made.digest);
    const cache = enforcing({}, {}, path);
    expect(await statuses(cache, paths)).toEqual(paths.map(() => 200));
    const others = [`open/${name}/manifests/2`, ...of(other)];
    expect(await statuses(cache, others)).toEqual(others.map(() => 403));
    expect(await statuses(enforcing({}, {}, path), of(child))).toEqual([200, 200, 200]);
    later(HOUR + 60_000);
    expect(await statuses(enforcing({}, {}, path), paths)).toEqual(paths.map(() => 403));
    expect(await statuses(cache, paths)).toEqual(paths.map(() => 403));
  });

  it("counts once a second person has confirmed it, where the rule asks for two", async () => {
    const { made, byDigest } = await image("allowed");
    await allow(made.digest);
    const path = apartPath();
    expect(await statuses(enforcing({ allowancePeople: 2 }, {}, path), [byDigest])).toEqual([403]);
    expect(await statuses(enforcing({}, {}, path), [byDigest])).toEqual([200]);
  });
});

it("while the catalog does not answer, an own signature counts, and nothing else is decided", async () => {
  const down = { CATALOG: untouchable("CATALOG") };
  const signed = await image("uncatalogued");
  await signByTag(signed.name, signed.made, keys);
  const cache = enforcing({}, down);
  expect(await statuses(cache, signed.paths)).toEqual(signed.paths.map(() => 200));
  const { byTag } = await image("uncatalogued");
  const { status, message } = await refusal(cache.fetch(byTag));
  expect(status).toBe(503);
  expect(message).toContain("the catalog does not answer");
});

it("while the catalog does not answer, blobs of a manifest that was admitted elsewhere pass once it is pulled", async () => {
  const { name, made, byTag, paths } = await image("uncatalogued");
  await signByTag(name, made, keys);
  const path = apartPath();
  const first = enforcing({}, {}, path);
  expect(await statuses(first, [byTag])).toEqual([200]);
  await first.settled();
  const cache = enforcing({}, { CATALOG: untouchable("CATALOG") }, path);
  expect(await statuses(cache, paths)).toEqual(paths.map(() => 200));
});

it("a decision has its own time to the first byte, however slow the image itself was", async () => {
  const { name, made, byTag } = await image("slow");
  await signByTag(name, made, keys);
  const match = {
    repository: name,
    kind: "manifest",
    method: "GET",
    reference: made.digest,
  } as const;
  await fixture.fault({ match, do: { hold: name } });
  const answering = statusOf(enforcing().fetch(byTag));
  await fixture.held(name);
  later(11_000);
  await fixture.release(name);
  expect(await answering).toBe(200);
});

it("many requests at once for an unsigned image decide once", async () => {
  const { name, byTag } = await image("crowd");
  const cache = enforcing();
  const all = await Promise.all(Array.from({ length: 10 }, () => statusOf(cache.fetch(byTag))));
  expect(new Set(all)).toEqual(new Set([403]));
  expect(await fixture.requests({ repository: name, kind: "referrers" })).toHaveLength(1);
});

it("content of another repository is not told from content that is nowhere", async () => {
  const { made, paths } = await image("theirs");
  const path = apartPath();
  expect(await statuses(cacheApart({}, {}, path), paths)).toEqual(paths.map(() => 200));
  const ours = repository("ours");
  await fixture.image(ours, "1", { layers: [10] });
  const nowhere = `sha256:${"0".repeat(64)}`;
  const cache = enforcing({}, {}, path);
  for (const kind of ["manifests", "blobs"] as const) {
    const theirs = kind === "manifests" ? made.digest : made.config.digest;
    const [here, none] = await Promise.all(
      [theirs, nowhere].map((digest) => refusal(cache.fetch(`open/${ours}/${kind}/${digest}`))),
    );
    expect(here?.status).toBe(404);
    expect(here?.message.replaceAll(theirs, "")).toBe(none?.message.replaceAll(nowhere, ""));
  }
});

it("a wrong signature is told as an event, and refusals are counted", async () => {
  const { name, made, byTag } = await image("told");
  await signByTag(name, made, others);
  const happened = vi.spyOn(meter, "happened");
  const count = vi.spyOn(meter, "count");
  const cache = enforcing();
  expect(await statuses(cache, [byTag, byTag])).toEqual([403, 403]);
  const told = happened.mock.calls.map(([{ what, digest }]) => [what, digest]);
  expect(told.filter(([what]) => what === "signature.failed")).toEqual([
    ["signature.failed", made.digest],
  ]);
  expect(told.filter(([what]) => what === "pull.denied")).toEqual([["pull.denied", made.digest]]);
  expect(happened.mock.calls.find(([{ what }]) => what === "pull.denied")?.[0].tag).toBe("1");
  const labels = { rule: "open", check: "signature", mode: "enforce" };
  const counted = count.mock.calls.filter(([family]) => family === "entrepot_trust_findings");
  expect(counted.map(([, one]) => one)).toEqual([labels, labels]);
});

describe("while the upstream is down", () => {
  const down = { status: 503 } as const;

  it("what was admitted is served, and what was not decided gets 503 with a time", async () => {
    const { name, made, paths } = await image("down");
    await signByTag(name, made, keys);
    const path = apartPath();
    const cache = enforcing({}, {}, path);
    const decided = paths.slice(0, 3);
    expect(await statuses(cache, paths)).toEqual(paths.map(() => 200));
    await cache.settled();
    const other = await image("down");
    expect(await statuses(cacheApart({}, {}, path), other.paths)).toEqual(
      other.paths.map(() => 200),
    );
    for (const one of [name, other.name])
      await fixture.fault({ match: { repository: one }, times: 0, do: down });
    expect(await statuses(enforcing({}, {}, path), decided)).toEqual(decided.map(() => 200));
    const response = await enforcing({}, {}, path).fetch(other.byTag);
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("30");
    expect(await response.text()).toContain("cannot determine whether");
    const reporting = enforcing({ verifyMode: "report" }, {}, path);
    expect(await statuses(reporting, [other.byTag])).toEqual([200]);
  });
});

it("a list of referrers without an end admits nothing, and is told", async () => {
  const { name, byTag } = await image("endless");
  const link = `</v2/${name}/referrers/x?page=2>; rel="next"`;
  await fixture.fault({
    match: { repository: name, kind: "referrers" },
    times: 0,
    do: { headers: { link } },
  });
  const { status, message } = await refusal(enforcing().fetch(byTag));
  expect(status).toBe(403);
  expect(message).toContain("more signatures or referrers than are examined");
  expect(await fixture.requests({ repository: name, kind: "referrers" })).toHaveLength(2);
});

it("a warm pull costs one lookup more for each request, and no Durable Object", async () => {
  const { META, BLOBS } = env as unknown as Env;
  const { name, made, paths } = await image("warm");
  await signByTag(name, made, keys);
  const path = apartPath();
  const first = enforcing({}, {}, path);
  expect(await statuses(first, paths)).toEqual(paths.map(() => 200));
  await first.settled();
  const names = ["BLOB_FILL", "MANIFEST_FILL", "TAG_FILL", "LIST_FILL", "UPSTREAM_GATE", "CATALOG"];
  const none = Object.fromEntries(names.slice(0, 5).map((one) => [one, untouchable(one)]));
  const edge = watchingEdge();
  const kv = counting(META);
  const cache = enforcing({}, { ...none, META: kv.binding, BLOBS }, path);
  for (const [at, plain] of [1, 2, 3, 3, 3].entries()) {
    const before = edge.match.length;
    expect(await statuses(cache, [paths[at] as string])).toEqual([200]);
    // The manifest, its link and its admission are in memory once they were pulled by tag.
    if (at !== 1) expect(edge.match.length - before, paths[at]).toBe(plain + 1);
  }
  expect(kv.calls).toEqual({ get: 1 });
});

it("two rules of one upstream with different signers decide each for itself", async () => {
  const { name, made, byDigest } = await image("two");
  await signByTag(name, made, keys);
  const path = apartPath();
  expect(await statuses(enforcing({}, {}, path), [byDigest])).toEqual([200]);
  expect(
    await statuses(
      enforcing({ verify: [{ images: ["**"], key: "OTHER" }] }, { OTHER: others.pem }, path),
      [byDigest],
    ),
  ).toEqual([403]);
  expect(await statuses(cacheApart({}, {}, path), [byDigest])).toEqual([200]);
});

it("two rules of one upstream with the same signers do not share what only one of them is allowed", async () => {
  const name = repository("people");
  const child = await fixture.image(name, undefined);
  const made = await fixture.index(name, "1", [child]);
  const base = fixture.url("open") + apartPath();
  const shared = { upstream: base, verify: [ENTRY], verifyMode: "enforce" };
  const RULES = [
    { prefix: "one", ...shared },
    { prefix: "two", ...shared, allowancePeople: 2 },
  ];
  const cache = new Cache({ ...shut(), AUTH: OPEN, RULES, SIGNER: keys.pem });
  const pathOf = (rule: string) => `${rule}/${name}/manifests/${child.digest}`;
  expect(await statuses(cache, [`one/${name}/manifests/1`])).toEqual([403]);
  const until = Date.now() + 60 * 60_000;
  const digest = made.digest;
  await access.allow({ digest, until, reason: "INC-1", who: "anyone", at: Date.now() });
  const fresh = new Cache({ ...shut(), AUTH: OPEN, RULES, SIGNER: keys.pem });
  expect(await statuses(fresh, [pathOf("two"), pathOf("one"), pathOf("two")])).toEqual([
    403, 200, 403,
  ]);
  const crowd = ["one", "two", "one", "two"].map((rule) => statusOf(fresh.fetch(pathOf(rule))));
  expect(await Promise.all(crowd)).toEqual([200, 403, 200, 403]);
});

it("a key that is replaced decides anew", async () => {
  const { name, made, paths } = await image("rotated");
  await signByTag(name, made, keys);
  const path = apartPath();
  expect(await statuses(enforcing({}, {}, path), paths)).toEqual(paths.map(() => 200));
  const rotated = { SIGNER: others.pem };
  expect(await statuses(enforcing({}, rotated, path), paths)).toEqual(paths.map(() => 403));
  await signByTag(name, made, others);
  later(31_000);
  expect(await statuses(enforcing({}, rotated, path), paths)).toEqual(paths.map(() => 200));
});

describe("what no entry matches", () => {
  const verify = [{ images: ["acme/**"], key: "SIGNER" }];

  it("passes", async () => {
    const { paths } = await image("unmatched");
    expect(await statuses(enforcing({ verify }), paths)).toEqual(paths.map(() => 200));
  });

  it("is refused with verifyUnmatched", async () => {
    const { paths, byTag } = await image("unmatched");
    const cache = enforcing({ verify, verifyUnmatched: "refuse" });
    expect(await statuses(cache, paths)).toEqual(paths.map(() => 403));
    const { message } = await refusal(cache.fetch(byTag));
    expect(message).toContain("verifyUnmatched");
  });
});
