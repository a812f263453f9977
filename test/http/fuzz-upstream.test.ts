// Whatever upstreams send: an answer that a client understands, no fault of ours, and no request to a host that the configuration does not name.

import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { cacheApart, fixture, repository } from "../support/cache.ts";
import { TYPES } from "../support/fixture.ts";
import { receive } from "../support/transfers.ts";
import { digest, expectUnderstood, headerValue, RUNS, watchRequests } from "./fuzzing.ts";

const name = repository("fuzz");

beforeAll(() => fixture.image(name, "1"));
watchRequests();

describe("an upstream's manifest", () => {
  const descriptor = fc.record(
    {
      mediaType: fc.oneof(
        fc.constantFrom(
          TYPES.oci.layer,
          TYPES.oci.manifest,
          "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        ),
        fc.anything(),
      ),
      digest: fc.oneof(fc.constantFrom(digest, "sha256:x", "../../x", ""), fc.anything()),
      size: fc.oneof(fc.constantFrom(-1, Number.MAX_VALUE, 2 ** 60, 0.5), fc.anything()),
      urls: fc.constantFrom(["http://169.254.169.254/x"], "http://10.0.0.1", [null]),
      platform: fc.oneof(
        fc.anything(),
        fc.record({ os: fc.anything(), architecture: fc.anything() }),
      ),
    },
    { requiredKeys: [] },
  );
  const manifest = fc.record(
    {
      schemaVersion: fc.oneof(fc.constant(2), fc.anything()),
      mediaType: fc.oneof(
        fc.constantFrom(TYPES.oci.manifest, TYPES.oci.index, TYPES.docker.index, "x\u0000y"),
        fc.anything(),
      ),
      config: fc.oneof(descriptor, fc.anything()),
      layers: fc.oneof(fc.array(descriptor), fc.anything()),
      manifests: fc.oneof(fc.array(descriptor), fc.anything()),
      subject: fc.oneof(descriptor, fc.anything()),
      annotations: fc.anything(),
    },
    { requiredKeys: [] },
  );
  const text = fc.oneof(
    fc.json(),
    manifest.map((value) => {
      try {
        return JSON.stringify(value) ?? "null";
      } catch {
        return "{"; // what JSON cannot say
      }
    }),
    fc.constantFrom(
      "[".repeat(100_000),
      `{"a":${"[".repeat(50_000)}${"]".repeat(50_000)}}`,
      `{"schemaVersion":2,"config":{"digest":"${digest}","digest":"sha256:x"},"layers":[],"layers":5}`,
      `{"schemaVersion":2,"mediaType":"${TYPES.oci.manifest}","layers":[${Array(5000).fill(`{"mediaType":"${TYPES.oci.layer}","digest":"${digest}","size":1}`).join(",")}]}`,
      '{"__proto__":{"mediaType":"x"},"constructor":1,"toString":null}',
      "\ufeff{}",
      "",
    ),
  );

  it("is answered as it is, or refused; and the next one is answered still", async () => {
    const cache = cacheApart();
    let at = 0;
    await fc.assert(
      fc.asyncProperty(
        text,
        fc.constantFrom(TYPES.oci.manifest, TYPES.oci.index, "text/html", "x"),
        async (text, mediaType) => {
          at += 1;
          await fixture.manifest(name, text, { tag: `f${at}`, mediaType });
          for (const headers of [{ Accept: "*/*" }, { Accept: TYPES.docker.manifest }]) {
            const response = await cache.fetch(`open/${name}/manifests/f${at}`, { headers });
            const status = response.status;
            if (status === 200 && headers.Accept === "*/*")
              expect(await response.clone().text()).toBe(text.replace("\ufeff", ""));
            await expectUnderstood(response, text.slice(0, 300));
          }
          await cache.settled();
        },
      ),
      { numRuns: RUNS / 2, endOnFailure: true },
    );
    expect((await cache.fetch(`open/${name}/manifests/1`)).status).toBe(200);
  });
});

it("an upstream's headers and challenges are taken for what they are worth", async () => {
  const header = fc.constantFrom(
    ...[
      "docker-content-digest",
      "content-type",
      "link",
      "www-authenticate",
      "retry-after",
      "ratelimit-limit",
      "ratelimit-remaining",
    ],
    ...[
      "location",
      "content-range",
      "etag",
      "oci-filters-applied",
      "content-encoding",
      "set-cookie",
      "warning",
    ],
  );
  const worth = fc.oneof(
    headerValue,
    fc.constantFrom(
      'Bearer realm="http://169.254.169.254/",service="x"',
      'Bearer realm="https://evil.example/token"',
      'Bearer realm="',
      "Basic, Bearer realm=x,,,=",
      '<http://10.0.0.1/v2/x/tags/list?last=1>; rel="next"',
      '</v2/other/tags/list?last=1>; rel="next"',
      "<",
      "Wed, 21 Oct 2099 07:28:00 GMT",
      "-1",
      "1e999",
      "100;w=0",
      digest,
      "a".repeat(9_000),
      "//169.254.169.254/x",
      "\\\\evil",
    ),
  );
  const status = fc.constantFrom(200, 200, 206, 302, 307, 400, 401, 403, 404, 416, 429, 500, 503);
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(header, worth, { minKeys: 1, maxKeys: 3 }),
      status,
      async (given, status) => {
        const own = repository("headers");
        const image = await fixture.image(own, "1");
        const fault = { headers: given, ...(status !== 200 && { status }) };
        await fixture.fault({ match: { repository: own }, times: 0, do: fault });
        await fixture.fault({
          match: { repository: own, unauthorized: true },
          times: 0,
          do: fault,
        });
        const cache = cacheApart({ firstByteTimeout: "2s" });
        for (const path of [
          "manifests/1",
          `blobs/${image.config.digest}`,
          "tags/list",
          `referrers/${image.digest}`,
        ])
          for (const prefix of ["open", "bearer"]) {
            const response = await cache.fetch(`${prefix}/${own}/${path}`);
            await expectUnderstood(response, { given, status, path });
          }
      },
    ),
    { numRuns: RUNS / 6, endOnFailure: true },
  );
});

it("an upstream that does not speak HTTP well is told as one that failed", async () => {
  const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n";
  const lines = fc.oneof(
    fc
      .tuple(
        fc.constantFrom("Docker-Content-Digest", "Content-Type", "Content-Length", "Link", "X"),
        fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)), maxLength: 30 }),
      )
      .map(([key, text]) => `${key}: ${text}\r\n`),
    fc.constantFrom(
      ...[
        "X: \0\r\n",
        "X: a\x07b\x1b[31m\r\n",
        "X : y\r\n",
        " folded\r\n",
        "Content-Length: 3\r\n",
        "Content-Length: -1\r\n",
      ],
      ...[
        "Content-Length: 2\r\nContent-Length: 2\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Content-Encoding: gzip\r\n",
      ],
      ...[
        `X: ${"y".repeat(100_000)}\r\n`,
        "X: y\r\n".repeat(3000),
        `Docker-Content-Digest: ${digest}\r\n`.repeat(2),
      ],
    ),
  );
  const raw = fc.oneof(
    lines.map((line) => `${ok}${line}\r\n{}`),
    fc.constantFrom(
      "",
      "HTTP/1.1 200",
      "HTTP/9.9 999 X\r\n\r\n",
      "<html>",
      "HTTP/1.1 100 Continue\r\n\r\n",
      `${ok}\r\n{`,
    ),
  );
  await fc.assert(
    fc.asyncProperty(raw, async (raw) => {
      const own = repository("raw");
      const image = await fixture.image(own, "1");
      await fixture.fault({ match: { repository: own }, times: 0, do: { raw } });
      const cache = cacheApart({ firstByteTimeout: "2s" });
      for (const path of [
        "manifests/1",
        `manifests/${image.digest}`,
        `blobs/${image.config.digest}`,
        "tags/list",
      ]) {
        const response = await cache.fetch(`open/${own}/${path}`);
        // Where its length was not told a blob is begun, and broken off.
        if (path.includes("sha256:") && response.ok)
          expect(await receive(response)).toMatchObject({ whole: false });
        else await expectUnderstood(response, { raw: raw.slice(0, 200), path });
      }
    }),
    { numRuns: RUNS / 6, endOnFailure: true },
  );
});
