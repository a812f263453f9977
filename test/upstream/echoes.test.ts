// Upstreams that say in their answers what must not be seen: the credentials that they were sent, in any writing, and what a terminal
// or a page takes for more than text. (Logs and answers of all tests are looked through for secrets, in many writings: support/secrets.)

import { afterEach, describe, expect, it, vi } from "vitest";
import { repeats } from "../../src/text/repeated.ts";
import { loginFor } from "../../src/upstream/authorization/login.ts";
import { ruleOf } from "../config/rules.ts";
import { ADMIN, api, bearer, shut } from "../support/access.ts";
import { Browser } from "../support/browser.ts";
import { apartPath, Cache, cacheApart, fixture, repository } from "../support/cache.ts";
import { doorsOf } from "../support/doors.ts";
import { ACCESS_KEYS, REGION, ROBOT } from "../support/fixture.ts";
import { receive } from "../support/transfers.ts";
import { HOSTILE, UNSAFE } from "../support/unsafe.ts";
import { WRITTEN } from "../support/upstream/echo.ts";

const PATHS = {
  "a tag": "manifests/1",
  "a blob": `blobs/sha256:${"0".repeat(64)}`,
  tags: "tags/list",
  referrers: `referrers/sha256:${"0".repeat(64)}`,
};
const bodyOf = (message: string) => JSON.stringify({ errors: [{ code: "X", message }] });
const OPEN = JSON.stringify({ mode: "open", acknowledgeOpen: true });

afterEach(() => {
  vi.restoreAllMocks();
});

/** All that is logged meanwhile, and that the fetches were sent. */
function listening() {
  const lines: string[] = [];
  for (const how of ["log", "info", "warn", "error"] as const)
    vi.spyOn(console, how).mockImplementation((...text) => void lines.push(text.join(" ")));
  const tokens: string[] = [];
  const { fetch } = globalThis;
  vi.spyOn(globalThis, "fetch").mockImplementation((input, init) => {
    const sent = new Headers((init as RequestInit | undefined)?.headers).get("authorization");
    if (sent?.startsWith("Bearer ")) tokens.push(sent.slice("Bearer ".length));
    return fetch(input as string, init as RequestInit);
  });
  return { lines, tokens };
}

const textOf = async (response: Response) =>
  [...response.headers].flat().join("\n") + (await response.text());

describe.each(Object.keys(WRITTEN))("credentials that are written %s", (how) => {
  const echo = { echo: true, body: bodyOf(`you sent {${how}} here`) } as const;

  it.each(["basic", "robot"])("are in no refusal of %s, no log, and no event", async (prefix) => {
    const name = repository("echo");
    await fixture.image(name, "1");
    const { lines, tokens } = listening();
    // All of them for what is as it was sent, and for the rest one of each.
    const cases = Object.values(PATHS).flatMap((path, at) =>
      [401, 403, 404, 429, 500]
        .filter((_, of) => how === "plain" || of === at)
        .map((status) => [path, status] as const),
    );
    for (const [path, status] of cases) {
      const cache = cacheApart();
      const headers = { "retry-after": `{${how}}`, "x-it": `{${how}}` };
      const match = { repository: name };
      await fixture.fault({ match, times: 0, do: { ...echo, status, headers } });
      const answered = await textOf(await cache.fetch(`${prefix}/${name}/${path}`));
      await cache.settled();
      await fixture.heal(match);
      const all = [answered, ...lines].join("\n");
      expect(repeats(all, [ROBOT.password, ...tokens])).toBe(false);
      expect(all).not.toContain("you sent");
    }
  });

  it("are in no word of a token service, also where it challenges", async () => {
    const name = repository("echo-token");
    await fixture.image(name, "1");
    const { lines, tokens } = listening();
    const match = { kind: "token", repository: name } as const;
    for (const status of [200, 400, 401, 403, 500]) {
      await fixture.fault({ match, times: 0, do: { ...echo, status } });
      const answered = await textOf(await cacheApart().fetch(`robot/${name}/manifests/1`));
      await fixture.heal({ repository: name });
      expect(repeats([answered, ...lines].join("\n"), [ROBOT.password, ...tokens])).toBe(false);
    }
  });

  it("are in no Link, no media type and no realm that are told on", async () => {
    const name = repository("echo-header");
    await fixture.image(name, "1");
    listening();
    const cache = cacheApart();
    const answer = { echo: true, status: 200, body: '{"tags":["1"]}' } as const;
    const headers = { link: `</v2?last={${how}}>; rel="next"` };
    await fixture.fault({ match: { repository: name, kind: "tags" }, do: { ...answer, headers } });
    const listed = await textOf(await cache.fetch(`basic/${name}/tags/list`));
    expect(listed).toContain('"tags":["1"]');
    expect(repeats(listed, [ROBOT.password])).toBe(false);

    const realm = `Bearer realm="https://{${how}}.example/"`;
    const refusal = { echo: true, status: 401, headers: { "www-authenticate": realm } } as const;
    await fixture.fault({ match: { repository: name }, times: 0, do: refusal });
    const refused = await textOf(await cacheApart().fetch(`basic/${name}/manifests/1`));
    expect(repeats(refused, [ROBOT.password])).toBe(false);

    await fixture.heal({ repository: name });
    const away = { echo: true, redirect: `https://10.0.0.1/?x={${how}}` } as const;
    await fixture.fault({ match: { repository: name }, times: 0, do: away });
    const led = await textOf(await cacheApart().fetch(`basic/${name}/manifests/1`));
    expect(repeats(led, [ROBOT.password])).toBe(false);
  });

  it("are in no refusal of a cloud", async () => {
    const name = repository("echo-cloud");
    const match = { server: "aws", repository: name } as const;
    const body = JSON.stringify({ __type: `{${how}}Exception`, message: `{${how}}` });
    await fixture.fault({ match, do: { echo: true, status: 400, body } });
    const rule = ruleOf({
      kind: "ecr",
      upstream: fixture.url("basic"),
      endpoint: `${fixture.url("aws")}/${name}`,
      region: REGION,
      credentials: "KEY",
    });
    const { lines } = listening();
    const login = loginFor(rule, { accessKey: ACCESS_KEYS.lent }, Date.now());
    const error = await login.then(
      () => expect.fail("it was given"),
      (thrown) => thrown as Error,
    );
    const { secretAccessKey, sessionToken } = ACCESS_KEYS.lent;
    expect(repeats([error.message, ...lines].join("\n"), [secretAccessKey, sessionToken])).toBe(
      false,
    );
  });
});

it("a token that an upstream quotes as expired is replaced all the same", async () => {
  const name = repository("expired");
  const image = await fixture.image(name, "1");
  const cache = cacheApart();
  await cache.bytes(`robot/${name}/manifests/1`);
  const realm = `Bearer realm="${fixture.url("token")}/token",service="fixture, with comma"`;
  const challenge = `${realm},error="invalid_token",error_description="{plain} has expired"`;
  await fixture.fault({
    match: { repository: name, kind: "blob" },
    do: { echo: true, status: 401, headers: { "www-authenticate": challenge } },
  });
  await cache.bytes(`robot/${name}/blobs/${image.config.digest}`);
});

it("a body is unchanged when the headers repeat the token", async () => {
  const name = repository("quoted");
  const image = await fixture.image(name, "1", { layers: [9 * 1024 * 1024] });
  const headers = { "x-it": "{plain}" };
  await fixture.fault({ match: { repository: name }, times: 0, do: { echo: true, headers } });
  const cache = cacheApart();
  expect(await cache.bytes(`robot/${name}/manifests/1`)).toEqual(image.bytes);
  const { digest = "" } = image.layers[0] ?? {};
  expect(await receive(cache.fetch(`robot/${name}/blobs/${digest}`))).toMatchObject({ digest });
});

it("a pre-signed address that cannot be reached is in no log with its query", async () => {
  const name = repository("signed");
  const { config } = await fixture.image(name, "1");
  const { lines } = listening();
  const redirect = "http://127.0.0.1:1/blob?X-Amz-Signature=0123456789abcdef";
  await fixture.fault({ match: { repository: name, kind: "blob" }, times: 0, do: { redirect } });
  const answered = await textOf(await cacheApart().fetch(`open/${name}/blobs/${config.digest}`));
  expect([answered, ...lines].join("\n")).not.toMatch(/Signature|0123456789/);
});

describe("a control character", () => {
  const path = apartPath();
  const rules = doorsOf(fixture, path);
  const cache = new Cache({ ...shut(), AUTH: OPEN, RULES: rules });

  it("is in no refusal, no log, no event, no story and no page", async () => {
    const name = repository("hostile");
    await fixture.image(name, "1");
    const lines: string[] = [];
    for (const how of ["log", "info", "warn", "error"] as const)
      vi.spyOn(console, how).mockImplementation((...text) => void lines.push(text.join(" ")));
    const match = { repository: name };
    for (const status of [403, 429, 500, 500, 500, 500]) {
      await fixture.fault({ match, times: 0, do: { status, body: bodyOf(`refused ${HOSTILE}`) } });
      const refused = await textOf(await cache.fetch(`open/${name}/manifests/1`));
      await fixture.heal(match);
      expect(refused.replaceAll("\n", "")).not.toMatch(UNSAFE);
    }
    await cache.settled();
    const browser = new Browser(cache);
    await browser.signIn(ADMIN);
    const reference = `reference=open/${name}:1`;
    for (const path of ["events?latest=true", `explain?${reference}`, "upstreams", "rules"]) {
      const text = await textOf(await api(cache, "GET", path));
      expect([path, text.replaceAll("\n", "").match(UNSAFE)]).toEqual([path, null]);
    }
    for (const page of [
      "/events",
      `/explain?${reference}`,
      "/upstreams",
      `/images?q=${encodeURIComponent(HOSTILE)}`,
    ]) {
      const shown = await textOf(await browser.open(page));
      expect([page, shown.replaceAll(/[\n\t]/g, "").match(UNSAFE)]).toEqual([page, null]);
      expect(shown).not.toContain("x\u2069<b>");
    }
    for (const line of lines) expect(line.replaceAll("\n", "")).not.toMatch(UNSAFE);
  });

  it("in an image's config, platforms, media types and labels is on no page, and not in its story", async () => {
    const name = repository("dressed");
    const config = {
      created: HOSTILE,
      os: HOSTILE,
      architecture: HOSTILE,
      config: {
        Entrypoint: [HOSTILE],
        Cmd: [HOSTILE],
        User: HOSTILE,
        Env: [`${HOSTILE}=x`],
        Labels: { [HOSTILE]: HOSTILE },
      },
    };
    const blob = await fixture.blob(name, JSON.stringify(config));
    const layer = await fixture.blob(name, "layer");
    const child = await fixture.manifest(name, {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      artifactType: HOSTILE,
      config: { mediaType: HOSTILE, ...blob },
      layers: [{ mediaType: HOSTILE, ...layer }],
      annotations: { [HOSTILE]: HOSTILE },
    });
    const odd = { os: { toString: 1 }, architecture: [HOSTILE] } as unknown as {
      os: string;
      architecture: string;
    };
    const platforms = [{ os: HOSTILE, architecture: HOSTILE }, odd];
    for (const [at, platform] of platforms.entries()) {
      await fixture.index(name, String(at), [{ ...child, platform }]);
      await cache.bytes(`open/${name}/manifests/${at}`);
    }
    await cache.bytes(`open/${name}/manifests/${child.digest}`);
    for (const { digest } of [blob, layer]) await cache.bytes(`open/${name}/blobs/${digest}`);
    await cache.settled();
    const browser = new Browser(cache);
    await browser.signIn(ADMIN);
    for (const tag of [...platforms.keys()].map(String)) {
      const reference = `reference=open/${name}:${tag}`;
      for (const path of [
        `images/detail?${reference}`,
        `explain?${reference}`,
        `images?q=${name}`,
      ]) {
        const response = await api(cache, "GET", path, undefined, bearer(ADMIN));
        const text = await textOf(response);
        expect([path, response.status, text.replaceAll("\n", "").match(UNSAFE)]).toEqual([
          path,
          200,
          null,
        ]);
        // Nor escaped: what a program prints of it is plain.
        expect(text).not.toMatch(/\\u00(1b|9b)|\\u202e/);
      }
      for (const page of [`/image?${reference}`, `/explain?${reference}`]) {
        const response = await browser.open(page);
        const shown = await textOf(response);
        expect([page, response.status, shown.replaceAll(/[\n\t]/g, "").match(UNSAFE)]).toEqual([
          page,
          200,
          null,
        ]);
      }
    }
  });
});
