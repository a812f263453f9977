// Push times: what each registry's API is asked, what its answer means, and that nothing else counts.

import { afterEach, describe, expect, it, vi } from "vitest";
import type { Digest } from "../../src/oci/digest.ts";
import { RegistryError } from "../../src/oci/error.ts";
import { UpstreamClient } from "../../src/upstream/client/client.ts";
import { pushTime } from "../../src/upstream/push-time.ts";
import { ruleOf } from "../config/rules.ts";

const DIGEST = `sha256:${"a".repeat(64)}` as Digest;
const OTHER = `sha256:${"b".repeat(64)}` as Digest;
const NOW = Date.UTC(2026, 10, 29);
const AT = Date.UTC(2026, 10, 1, 12, 30);
const ISO = "2026-11-01T12:30:00.000000Z";
const LATER = "2026-11-02T00:00:00Z";

const gate = {
  lend: async () => ({
    authorization: undefined,
    key: 0,
    fresh: false,
    watched: false,
    lentAt: NOW,
  }),
  answer: async () => undefined,
  report: async () => ({ pause: 0, became: [] }),
};

afterEach(() => void vi.restoreAllMocks());

interface Asked {
  url: string;
  authorization: string | null;
}

/** @returns the push time, or the error's status; and what was asked */
async function ask(
  upstream: string,
  answer: (url: URL) => unknown,
  fields: object = {},
  repository = "acme/app",
) {
  const asked: Asked[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input as RequestInfo, init as RequestInit);
    asked.push({ url: request.url, authorization: request.headers.get("authorization") });
    const given = answer(new URL(request.url));
    if (given instanceof Error) throw given;
    return given instanceof Response ? given : Response.json(given);
  });
  const rule = ruleOf({ upstream, ...fields });
  const client = new UpstreamClient(gate as never);
  const variables = {
    GITHUB: '{"username":"x","password":"ghp_secret"}',
    SECRETS: { GITHUB: ["https://ghcr.io"] },
    RULES: [{ prefix: "p", upstream, ...fields }],
  };
  const source = { rule, repository };
  const pushed = { repository, tag: "1", digest: DIGEST };
  try {
    return { time: await pushTime({ client, variables }, source, pushed, NOW), asked };
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    return { time: error.status, retry: error.headers?.["Retry-After"], error, asked };
  }
}

const hub = (fields: object = {}) => ({ digest: DIGEST, tag_last_pushed: ISO, ...fields });
const quay = (fields: object = {}) => ({
  tags: [{ name: "1", manifest_digest: DIGEST, start_ts: AT / 1000, ...fields }],
});
const google = (fields: object = {}, digest = DIGEST) => ({
  name: "acme/app",
  tags: ["1"],
  manifest: {
    [digest]: { tag: ["1", "latest"], timeUploadedMs: String(AT), timeCreatedMs: "0", ...fields },
  },
});
const version = (fields: object = {}) => ({
  id: 1,
  name: DIGEST,
  created_at: "2026-10-01T00:00:00Z",
  updated_at: "2026-11-01T12:30:00Z",
  ...fields,
});

describe("Docker Hub", () => {
  it("is asked for the tag in its own API, without credentials", async () => {
    const { time, asked } = await ask("docker.io", () => hub());
    expect(time).toBe(AT);
    expect(asked).toEqual([
      {
        url: "https://hub.docker.com/v2/namespaces/acme/repositories/app/tags/1",
        authorization: null,
      },
    ]);
  });

  it.each<{ title: string; answer: unknown; expected: unknown }>([
    { title: "no digest says nothing", answer: { tag_last_pushed: ISO }, expected: undefined },
    { title: "no time says nothing", answer: hub({ tag_last_pushed: null }), expected: undefined },
    { title: "another digest is to be asked again", answer: hub({ digest: OTHER }), expected: 503 },
    {
      title: "a time in the future counts as now",
      answer: hub({ tag_last_pushed: "2031-01-01T00:00:00Z" }),
      expected: NOW,
    },
    {
      title: "an absurd time counts as now",
      answer: hub({ tag_last_pushed: "1970-01-01T00:00:00Z" }),
      expected: NOW,
    },
    {
      title: "a time that is none counts as now",
      answer: hub({ tag_last_pushed: "soon" }),
      expected: NOW,
    },
    { title: "404 says nothing", answer: new Response("", { status: 404 }), expected: undefined },
    { title: "401 says nothing", answer: new Response("", { status: 401 }), expected: undefined },
    { title: "500 is to be asked again", answer: new Response("", { status: 500 }), expected: 503 },
    { title: "a page is to be asked again", answer: new Response("<html>"), expected: 503 },
    { title: "no answer is to be asked again", answer: new TypeError("lost"), expected: 503 },
    {
      title: "a redirect is not followed",
      answer: new Response(null, {
        status: 302,
        headers: { Location: "https://hub.docker.com.evil.example/" },
      }),
      expected: 503,
    },
    {
      title: "an endless answer is to be asked again",
      answer: new Response(`[${" ".repeat(3_000_000)}`),
      expected: 503,
    },
  ])("with $title", async ({ answer, expected }) => {
    vi.spyOn(console, "warn").mockImplementation(() => {});
    const { time, asked } = await ask("docker.io", () => answer);
    expect(time).toBe(expected);
    expect(asked).toHaveLength(1);
  });

  it("that is limited says when to ask again", async () => {
    const limited = () => new Response("", { status: 429, headers: { "Retry-After": "17" } });
    expect(await ask("docker.io", limited)).toMatchObject({ time: 503, retry: "17" });
  });
});

describe("Quay", () => {
  it("is asked for the active tag in its own API", async () => {
    const { time, asked } = await ask("quay.io", () => quay());
    expect(time).toBe(AT);
    expect(asked.map(({ url }) => url)).toEqual([
      "https://quay.io/api/v1/repository/acme/app/tag/?specificTag=1&onlyActiveTags=true",
    ]);
  });

  it.each<{ title: string; answer: unknown; expected: unknown }>([
    { title: "no such tag says nothing", answer: { tags: [] }, expected: undefined },
    { title: "another tag says nothing", answer: quay({ name: "2" }), expected: undefined },
    {
      title: "another digest is to be asked again",
      answer: quay({ manifest_digest: OTHER }),
      expected: 503,
    },
  ])("with $title", async ({ answer, expected }) => {
    expect((await ask("quay.io", () => answer)).time).toBe(expected);
  });
});

describe("Artifact Registry", () => {
  it("is asked for its list of tags, as any list", async () => {
    const { time, asked } = await ask("europe-docker.pkg.dev", () => google());
    expect(time).toBe(AT);
    expect(asked.map(({ url }) => url)).toEqual([
      "https://europe-docker.pkg.dev/v2/acme/app/tags/list",
    ]);
  });

  it.each<{ title: string; answer: unknown; expected: unknown }>([
    {
      title: "a plain list says nothing",
      answer: { name: "acme/app", tags: ["1"] },
      expected: undefined,
    },
    { title: "another digest is to be asked again", answer: google({}, OTHER), expected: 503 },
    {
      title: "the digest under another tag is to be asked again",
      answer: google({ tag: ["2"] }),
      expected: 503,
    },
  ])("with $title", async ({ answer, expected }) => {
    expect((await ask("gcr.io", () => answer)).time).toBe(expected);
  });
});

describe("GHCR", () => {
  const fields = { credentials: "GITHUB" };

  it("is asked with the rule's token, at GitHub's API alone; the later of two times counts", async () => {
    const { time, asked } = await ask("ghcr.io", () => [version()], fields, "acme/app/sub");
    expect(time).toBe(AT);
    expect(asked).toEqual([
      {
        url: "https://api.github.com/orgs/acme/packages/container/app%2Fsub/versions?state=active&per_page=100&page=1",
        authorization: "Bearer ghp_secret",
      },
    ]);
    const created = version({ created_at: LATER });
    expect((await ask("ghcr.io", () => [created], fields)).time).toBe(Date.parse(LATER));
  });

  it("of a user is found, on a later page too", async () => {
    const full = Array.from({ length: 100 }, () => version({ name: OTHER }));
    const { time, asked } = await ask(
      "ghcr.io",
      ({ pathname, searchParams }) => {
        if (pathname.startsWith("/orgs/")) return new Response("", { status: 404 });
        return searchParams.get("page") === "2" ? [version()] : full;
      },
      fields,
    );
    expect(time).toBe(AT);
    expect(asked).toHaveLength(3);
  });

  it("that never has the digest is not asked for ever", async () => {
    const full = Array.from({ length: 100 }, () => version({ name: OTHER }));
    const { time, asked } = await ask("ghcr.io", () => full, fields);
    expect(time).toBeUndefined();
    expect(asked).toHaveLength(10);
  });

  it("without credentials is not asked", async () => {
    const { time, asked } = await ask("ghcr.io", () => [version()]);
    expect({ time, asked }).toEqual({ time: undefined, asked: [] });
  });
});

it("a registry elsewhere is not asked", async () => {
  const { time, asked } = await ask("registry.example.com", () => hub());
  expect({ time, asked }).toEqual({ time: undefined, asked: [] });
});
