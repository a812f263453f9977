// Referrers of upstreams without the API: whatever they answer to it, the tag is read that clients keep referrers under. What can be
// read of neither is not "none".

import { afterEach, describe, expect, it, vi } from "vitest";
import { cacheApart, fixture, repository } from "../support/cache.ts";
import { type Algorithm, type Descriptor, type Fault, SERVICE, TYPES } from "../support/fixture.ts";
import { problemOf } from "./problem.ts";

afterEach(() => vi.useRealTimers());

const SBOM = "application/vnd.example.sbom";
const json = (body: string, type = "application/json"): Fault => ({
  status: 200,
  body,
  headers: { "content-type": type },
});

/** Statuses of an upstream without the API. */
const ABSENT: { title: string; fault: Fault }[] = [400, 404, 405, 406, 410, 415, 501].map(
  (status) => ({
    title: String(status),
    fault: { status },
  }),
);
/** Answers that do not decide it, with the client's status where there is no tag either. */
const UNREADABLE: { title: string; fault: Fault; status: number }[] = [
  { title: "401 without a challenge", fault: { status: 401 }, status: 401 },
  { title: "403", fault: { status: 403 }, status: 403 },
  { title: "403 with a page", fault: { status: 403, body: "<html>no</html>" }, status: 403 },
  { title: "a page", fault: { html: true }, status: 502 },
  {
    title: "a redirect to a page",
    fault: { redirect: `${fixture.url("cdn")}/login` },
    status: 502,
  },
  {
    title: "a redirect to a page here",
    fault: { redirect: `${fixture.url("open")}/v2/` },
    status: 502,
  },
  { title: "a redirect without an end", fault: { redirect: "loop" }, status: 502 },
  {
    title: "a redirect to a private address",
    fault: { redirect: "http://10.0.0.1/login" },
    status: 502,
  },
  { title: "a redirect without an address", fault: { status: 302 }, status: 502 },
  { title: "an empty object", fault: json("{}"), status: 502 },
  {
    title: "an empty object that is called an index",
    fault: json("{}", TYPES.oci.index),
    status: 502,
  },
  { title: "an error with 200", fault: json('{"errors":[{"code":"UNSUPPORTED"}]}'), status: 502 },
  {
    title: "an image's manifest",
    fault: json('{"schemaVersion":2,"config":{},"layers":[]}'),
    status: 502,
  },
  { title: "a list", fault: json("[]"), status: 502 },
  { title: "nothing", fault: json(""), status: 502 },
];

async function stage(hint: string, algorithm: Algorithm = "sha256") {
  const name = repository(hint);
  const content = { schemaVersion: 2, mediaType: TYPES.oci.manifest, config: {}, layers: [] };
  const subject = await fixture.manifest(
    name,
    { ...content, annotations: { name } },
    { algorithm },
  );
  const sbom = await fixture.referrer(name, subject, SBOM);
  return { name, subject, sbom, entry: entryOf(sbom) };
}

const entryOf = ({ mediaType, digest, size }: Descriptor, artifactType: unknown = SBOM) => ({
  mediaType,
  digest,
  size,
  artifactType,
});

/** Under the tag of the subject's referrers. */
function listed(name: string, subject: Descriptor, manifests: unknown[]) {
  const [algorithm = "", hex = ""] = subject.digest.split(":");
  const index = { schemaVersion: 2, mediaType: TYPES.oci.index, manifests };
  return fixture.manifest(name, index, { tag: `${algorithm}-${hex.slice(0, 64)}` });
}

const refuse = (name: string, fault: Fault, times = 0) =>
  fixture.fault({ match: { repository: name, kind: "referrers" }, times, do: fault });

type Place = Pick<ReturnType<typeof cacheApart>, "fetch">;

async function ask(from: Place, prefix: string, name: string, { digest }: Descriptor) {
  const response = await from.fetch(`${prefix}/${name}/referrers/${digest}`);
  expect(response.status).toBe(200);
  const { manifests } = (await response.json()) as { manifests: Descriptor[] };
  return [response.headers.get("entrepot-referrers"), ...manifests.map((one) => one.digest)];
}

const PREFIXES = ["open", "bearer", "basic", "robot"];

describe.each<{ title: string; fault: Fault }>([...ABSENT, ...UNREADABLE])(
  "an API that answers $title",
  ({ fault }) => {
    it.each(["open", "robot"])(
      "has the tag read, with the source in a header: %s",
      async (prefix) => {
        const { name, subject, sbom, entry } = await stage("fallback");
        await listed(name, subject, [entry]);
        await refuse(name, fault);
        expect(await ask(cacheApart(), prefix, name, subject)).toEqual(["tag", sbom.digest]);
      },
    );
  },
);

it.each(ABSENT)("$title, and no such tag, is an empty index", async ({ fault }) => {
  const { name, subject } = await stage("none");
  await refuse(name, fault);
  expect(await ask(cacheApart(), "open", name, subject)).toEqual(["none"]);
});

it.each(UNREADABLE)("$title, and no such tag, is the answer", async ({ fault, status }) => {
  const { name, subject } = await stage("unreadable");
  await refuse(name, fault);
  for (const prefix of ["open", "robot"]) {
    const cache = cacheApart();
    // Asked twice: a refusal that is remembered is one, too.
    for (let times = 0; times < 2; times++) {
      const problem = await problemOf(cache.fetch(`${prefix}/${name}/referrers/${subject.digest}`));
      expect(problem.status).toBe(status);
    }
  }
});

it.each(["open", "bearer"])(
  "a refusal without a challenge, of one digest, does not answer for the next: %s",
  async (prefix) => {
    const { name, subject } = await stage("next-digest");
    const other = await fixture.image(name, "other");
    const signature = await fixture.referrer(name, other, SBOM);
    await listed(name, other, [entryOf(signature)]);
    await refuse(name, { status: 401 });
    const cache = cacheApart();
    const path = `${prefix}/${name}/referrers/${subject.digest}`;
    expect((await problemOf(cache.fetch(path))).status).toBe(401);
    expect(await ask(cache, prefix, name, other)).toEqual(["tag", signature.digest]);
  },
);

it("401 with a challenge is a matter of credentials: the tag is not read", async () => {
  const { name, subject, entry } = await stage("challenged");
  await listed(name, subject, [entry]);
  const challenge = `Bearer realm="${fixture.url("token")}/token",service="${SERVICE}"`;
  await refuse(name, { status: 401, headers: { "www-authenticate": challenge } });
  const problem = await problemOf(cacheApart().fetch(`robot/${name}/referrers/${subject.digest}`));
  expect(problem.status).toBe(401);
});

describe("429 and failures keep their status:", () => {
  it.each([
    [429, 429],
    [500, 502],
    [502, 502],
    [503, 503],
    [504, 504],
  ])("%s", async (status, ours) => {
    const { name, subject, entry } = await stage("failing");
    await listed(name, subject, [entry]);
    await refuse(name, { status });
    const cache = cacheApart();
    const problem = await problemOf(cache.fetch(`open/${name}/referrers/${subject.digest}`));
    expect(problem.status).toBe(ours);
    expect(await fixture.requests({ repository: name, kind: "manifest" })).toEqual([]);
  });

  it("or a stale answer, which still says where it is from", async () => {
    const { name, subject, sbom, entry } = await stage("stale");
    await listed(name, subject, [entry]);
    await refuse(name, { status: 405 }, 1);
    const cache = cacheApart({ listTtl: "1s" });
    expect(await ask(cache, "open", name, subject)).toEqual(["tag", sbom.digest]);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 60_000 });
    await refuse(name, { status: 503 });
    expect(await ask(cache, "open", name, subject)).toEqual(["tag", sbom.digest]);
  });
});

it.each([
  { title: "what the tag holds", fault: { status: 200, body: "{}" }, status: 502 },
  { title: "a page in its place", fault: { html: true }, status: 502 },
  { title: "its refusal", fault: { status: 403 }, status: 403 },
  { title: "its failure", fault: { status: 500 }, status: 502 },
] as { title: string; fault: Fault; status: number }[])(
  "that cannot be read is not none: $title",
  async ({ fault, status }) => {
    const { name, subject, entry } = await stage("tag-off");
    await listed(name, subject, [entry]);
    await refuse(name, { status: 404 });
    const match = { repository: name, kind: "manifest" as const };
    await fixture.fault({ match: { ...match, method: "GET" }, times: 0, do: fault });
    const problem = await problemOf(cacheApart().fetch(`open/${name}/referrers/${subject.digest}`));
    expect(problem.status).toBe(status);
  },
);

it.each(PREFIXES)("come from the API where the upstream has one: %s", async (prefix) => {
  const { name, subject, sbom } = await stage("api");
  const cache = cacheApart();
  for (let times = 0; times < 2; times++)
    expect(await ask(cache, prefix, name, subject)).toEqual(["api", sbom.digest]);
});

it.each([
  '{"schemaVersion":2,"manifests":null}',
  '{"manifests":[]}',
  `{"schemaVersion":2,"mediaType":"${TYPES.oci.index}"}`,
])("an empty list of the API, in several forms: %s", async (body) => {
  const { name, subject, entry } = await stage("empty");
  await listed(name, subject, [entry]);
  await refuse(name, json(body));
  expect(await ask(cacheApart(), "open", name, subject)).toEqual(["api"]);
});

it("a page that the API does not have any more is not what is under the tag", async () => {
  const { name, subject, entry } = await stage("pages");
  await listed(name, subject, [entry]);
  await fixture.fault({
    match: { repository: name, kind: "referrers" },
    do: { headers: { link: '</v2/x/referrers/y?token=1>; rel="next"' } },
  });
  const cache = cacheApart();
  const first = await cache.fetch(`open/${name}/referrers/${subject.digest}`);
  const [, next = ""] = /^<(.*)>;/.exec(first.headers.get("link") ?? "") ?? [];
  await first.arrayBuffer();
  await refuse(name, { status: 400 });
  const problem = await problemOf(cache.ask(`https://cache.example${next}`));
  expect(problem.status).toBe(502);
});

describe("that an upstream has no such API", () => {
  const referrersRequests = (name: string) =>
    fixture.requests({ repository: name, kind: "referrers" });

  it.each([404, 405, 406, 410, 415, 501])(
    "is remembered for a while once two repositories say so, with %s",
    async (status) => {
      const cache = cacheApart();
      const now = Date.now();
      for (const { at, minute, questions } of [
        { at: 0, minute: 0, questions: 1 },
        { at: 1, minute: 0, questions: 1 },
        { at: 2, minute: 0, questions: 0 },
        { at: 3, minute: 5, questions: 0 },
        { at: 4, minute: 11, questions: 1 },
      ] as const) {
        vi.useFakeTimers({ toFake: ["Date"], now: now + minute * 60_000 });
        const { name, subject, sbom, entry } = await stage(`remembered-${at}`);
        await listed(name, subject, [entry]);
        await refuse(name, { status });
        expect(await ask(cache, "open", name, subject)).toEqual(["tag", sbom.digest]);
        expect([at, (await referrersRequests(name)).length]).toEqual([at, questions]);
      }
    },
  );

  it.each([
    { title: "one repository", statuses: [404, 404], same: true },
    { title: "what does not tell", statuses: [400, 403], same: false },
  ] as const)("is not taken from $title", async ({ statuses, same }) => {
    const cache = cacheApart();
    const one = await stage("one");
    for (const status of statuses) {
      const { name } = same ? one : await stage("other");
      const image = await fixture.image(name, `x${status}`, { seed: crypto.randomUUID() });
      await listed(name, image, []);
      await refuse(name, { status });
      expect(await ask(cache, "open", name, image)).toEqual(["tag"]);
    }
    const { name, subject, sbom } = await stage("has-it");
    expect(await ask(cache, "open", name, subject)).toEqual(["api", sbom.digest]);
  });

  it("is not taken from names and digests that are not there", async () => {
    const cache = cacheApart();
    const { name: known } = await stage("known");
    const digest = `sha256:${"7".repeat(64)}`;
    for (const name of [repository("nowhere"), repository("nowhere"), known]) {
      await refuse(name, { status: 404 }, 1);
      expect(await ask(cache, "open", name, { digest, mediaType: "", size: 0 })).toEqual(["none"]);
    }
    const { name, subject, sbom } = await stage("has-it");
    expect(await ask(cache, "open", name, subject)).toEqual(["api", sbom.digest]);
  });

  it("is not taken from others where one repository has it", async () => {
    const cache = cacheApart();
    const first = await stage("has-it");
    await ask(cache, "open", first.name, first.subject);
    for (let count = 0; count < 3; count++) {
      const { name, subject } = await stage("lacks-it");
      await refuse(name, { status: 404 });
      expect(await ask(cache, "open", name, subject)).toEqual(["none"]);
    }
    const { name, subject, sbom } = await stage("has-it-too");
    expect(await ask(cache, "open", name, subject)).toEqual(["api", sbom.digest]);
  });
});
