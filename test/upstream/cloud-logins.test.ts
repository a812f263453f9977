// Logins that a cloud gives, through the Worker: asked for once, lent for hours, and asked for again when they are over.
// Only this file uses these secrets, so that the logins asked for in its names are its own.

import { afterEach, describe, expect, it, vi } from "vitest";
import { problemOf } from "../http/problem.ts";
import { Cache, fixture, repository } from "../support/cache.ts";
import { REGION } from "../support/fixture.ts";
import { receive } from "../support/transfers.ts";
import { eventually } from "../support/waiting.ts";

/** In whose name the logins are asked for: ECR's as its rule says, Google's as the key file does (support/setup). */
const AWS = repository("aws");
const GOOGLE = "google-key";

const rule = (prefix: string, server: "basic" | "bearer", credentials: string | string[]) => ({
  prefix,
  upstream: fixture.url(server),
  realm: fixture.host("token"),
  credentials,
});
const api = { kind: "ecr", region: REGION, endpoint: `${fixture.url("aws")}/${AWS}` };

const cache = new Cache({
  RULES: [
    { ...rule("ecr", "basic", "ECR_KEY"), ...api },
    { ...rule("ecr-wrong", "basic", "ECR_WRONG_KEY"), ...api },
    { ...rule("ecr-rotated", "basic", ["ECR_WRONG_KEY", "ECR_KEY"]), ...api },
    { ...rule("ecr-hub", "basic", "ROBOT"), ...api },
    rule("google", "basic", "GOOGLE_KEY"),
    rule("google-wrong", "basic", "GOOGLE_WRONG_KEY"),
    rule("google-rotated", "basic", ["GOOGLE_WRONG_KEY", "GOOGLE_KEY"]),
    rule("google-bearer", "bearer", "GOOGLE_KEY"),
    rule("google-ecr", "basic", "ECR_KEY"),
  ],
});

afterEach(() => vi.useRealTimers());

/** What is cold: that many small blobs, each to be fetched from the upstream. */
async function pullBlobs(prefix: string, name: string, count: number) {
  const contents = Array.from({ length: count }, () => crypto.randomUUID());
  const infos = await Promise.all(contents.map((content) => fixture.blob(name, content)));
  const pulls = infos.map(({ digest }) =>
    receive(cache.fetch(`${prefix}/${name}/blobs/${digest}`)),
  );
  const received = await Promise.all(pulls);
  expect(received.map(({ digest }) => digest)).toEqual(infos.map(({ digest }) => digest));
}

describe.each([
  { prefix: "ecr", server: "aws", from: AWS, user: "AWS" },
  { prefix: "google", server: "google", from: GOOGLE, user: "oauth2accesstoken" },
] as const)("$prefix: a login", ({ prefix, server, from, user }) => {
  const logins = () => fixture.requests({ server, repository: from });

  it("is asked for once, for an image and thirty blobs of two repositories", async () => {
    const [one, other] = [repository("one"), repository("other")];
    const image = await fixture.image(one, "1");
    const [layer] = image.layers;
    for (const path of ["manifests/1", `blobs/${layer?.digest}`, "tags/list"]) {
      const answer = await receive(cache.fetch(`${prefix}/${one}/${path}`));
      expect(answer).toMatchObject({ status: 200, whole: true });
    }
    await Promise.all([pullBlobs(prefix, one, 15), pullBlobs(prefix, other, 15)]);
    expect(await logins()).toMatchObject([{ kind: "token", status: 200 }]);
    const requests = await fixture.requests({ repository: other, kind: "blob" });
    const served = requests.filter(({ status }) => status < 300);
    expect([...new Set(served.map((request) => request.user))]).toEqual([user]);
  });

  it("that is over sooner than it said is replaced, once", async () => {
    const name = repository("revoked");
    for (let times = 1; times <= 2; times++) {
      const before = (await logins()).length;
      await fixture.revoke(from);
      await pullBlobs(prefix, name, 10);
      expect(await logins()).toHaveLength(before + 1);
    }
  });

  it("that is about to be over is not sent again: a new one is asked for, once", async () => {
    const name = repository("expires");
    await fixture.token({ repository: from, expiresIn: 60, lifetime: 100_000 });
    await fixture.revoke(from);
    vi.useFakeTimers({ toFake: ["Date"] });
    await pullBlobs(prefix, name, 1);
    const before = (await logins()).length;
    vi.setSystemTime(Date.now() + 50_000);
    await pullBlobs(prefix, name, 10);
    expect(await logins()).toHaveLength(before);
    vi.setSystemTime(Date.now() + 5_000);
    await pullBlobs(prefix, name, 10);
    expect(await logins()).toHaveLength(before + 1);
    await fixture.token({ repository: from });
  });

  it("is refused to a wrong key, and the client is told 401", async () => {
    const name = repository("wrong");
    const image = await fixture.image(name, "1");
    const paths = ["manifests/1", `blobs/${image.layers[0]?.digest}`, "tags/list"];
    for (const path of paths) {
      const problem = await problemOf(cache.fetch(`${prefix}-wrong/${name}/${path}`));
      expect(problem).toMatchObject({ status: 401, code: "UNAUTHORIZED" });
      expect(problem.message).not.toMatch(/AKIA|s3cret|not-it|nobody|BEGIN|ey[JI]|[\w-]{40}/);
    }
    const requests = await fixture.requests({ repository: name });
    expect(requests.filter(({ user }) => user !== null)).toEqual([]);
  });

  it("is asked for with the next key where one is refused", async () => {
    await pullBlobs(`${prefix}-rotated`, repository("rotated"), 5);
  });

  it("comes from a service whose failure is told as one, and asked again by the next", async () => {
    const name = repository("service-fails");
    const { digest } = await fixture.image(name, "1");
    await fixture.revoke(from);
    const match = { server, repository: from };
    const id = await fixture.fault({ match, times: 0, do: { status: 503 } });
    const problem = await problemOf(cache.fetch(`${prefix}/${name}/manifests/${digest}`));
    expect(problem).toMatchObject({ status: 503, code: "UNAVAILABLE" });
    await fixture.heal({ id });
    await eventually(async () => {
      const answer = await receive(cache.fetch(`${prefix}/${name}/manifests/${digest}`));
      expect(answer).toMatchObject({ digest });
    }, 500);
  });
});

describe("a login of Google", () => {
  it("is what the token service is shown, where the registry has one", async () => {
    const name = `private/${repository("bearer")}`;
    await pullBlobs("google-bearer", name, 10);
    const tokens = await fixture.requests({ repository: name, kind: "token" });
    expect(tokens.map(({ user, status }) => [user, status])).toEqual([["oauth2accesstoken", 200]]);
  });

  it("is asked for again where the token service refuses it", async () => {
    await pullBlobs("google-bearer", repository("bearer-before"), 1);
    await fixture.revoke(GOOGLE);
    await pullBlobs("google-bearer", `private/${repository("bearer-after")}`, 3);
  });
});

it.each(["ecr-hub", "google-ecr"])(
  "a secret of another kind makes the rule unusable, and clients are not told its name: %s",
  async (prefix) => {
    const problem = await problemOf(cache.fetch(`${prefix}/${repository("kind")}/manifests/1`));
    expect(problem).toMatchObject({ status: 500, code: "UNKNOWN" });
    expect(problem.message).toContain(`"${prefix}"`);
    expect(problem.message).not.toMatch(/ROBOT|ECR_KEY|AKIA|s3cret/);
  },
);
