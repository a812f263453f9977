// An upstream's bad answer, told in the upstream's meaning and with nothing in it that must not be told.

import { describe, expect, it } from "vitest";
import { RegistryError } from "../../src/oci/error.ts";
import { readBounded } from "../../src/upstream/client/body.ts";
import { isRefusal, refusalOf } from "../../src/upstream/client/refusal.ts";

const BOUNDS = { bytes: 5000, silence: 1000, time: 1000 };

const said = (message: unknown) => JSON.stringify({ errors: [{ code: "X", message }] });
const refusal = (body: BodyInit | null, init: ResponseInit, secrets: string[] = []) =>
  refusalOf(new Response(body, init), "up.example", "BLOB_UNKNOWN", secrets);

describe("the status", () => {
  it.each([
    [400, "UNAVAILABLE", 502],
    [401, "UNAUTHORIZED", 401],
    [403, "DENIED", 403],
    [404, "BLOB_UNKNOWN", 404],
    [405, "UNAVAILABLE", 502],
    [410, "BLOB_UNKNOWN", 404],
    [418, "UNAVAILABLE", 502],
    [429, "TOOMANYREQUESTS", 429],
    [500, "UNAVAILABLE", 502],
    [501, "UNAVAILABLE", 502],
    [502, "UNAVAILABLE", 502],
    [503, "UNAVAILABLE", 503],
    [504, "UNAVAILABLE", 504],
    [599, "UNAVAILABLE", 502],
  ])("%i becomes %s with %i", async (status, code, ours) => {
    const error = await refusal(null, { status });
    expect(error).toMatchObject({ code, status: ours, upstreamStatus: status });
    expect(error.message).toBe(`up.example answered ${status}`);
  });

  it.each([
    [401, true],
    [403, true],
    [404, true],
    [429, true],
    [500, false],
    [503, false],
    [504, false],
  ])("%i is a refusal: %s", async (status, expected) => {
    expect(isRefusal(await refusal(null, { status }))).toBe(expected);
  });

  it("of a fault of ours is none", () => {
    expect(isRefusal(Object.assign(new Error("x"), { status: 404 }))).toBe(false);
    expect(isRefusal(new RegistryError("DENIED", "x"))).toBe(true);
  });
});

describe("Retry-After", () => {
  it.each<[number, string, object]>([
    [429, "120", { "Retry-After": "120" }],
    [503, "Wed, 21 Oct 2026 07:28:00 GMT", { "Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT" }],
    [500, "120", {}],
    [404, "120", {}],
    [429, "9".repeat(41), {}],
    [429, "<script>", {}],
  ])("%i with %s", async (status, value, expected) => {
    const error = await refusal(null, { status, headers: { "Retry-After": value } });
    expect(error.headers).toEqual(expected);
  });
});

describe("the message", () => {
  it.each<[string, string, string]>([
    ["a registry's", said("pull rate limit reached"), ": pull rate limit reached"],
    ["several lines", said("one\r\ntwo\u0000three"), ": one two three"],
    ["a page", "<html>Sign in</html>", ""],
    ["no text", said({ a: 1 }), ""],
    ["no errors", "{}", ""],
    ["errors that are none", '{"errors":5}', ""],
    ["null", "null", ""],
    ["errors of null", '{"errors":[null]}', ""],
  ])("of %s", async (_, body, expected) => {
    const error = await refusal(body, { status: 403 });
    expect(error.message).toBe(`up.example answered 403${expected}`);
  });

  it("is cut", async () => {
    const error = await refusal(said("x".repeat(10_000)), { status: 403 });
    expect(error.message).toContain("xxx");
    expect(error.message.length).toBeLessThan(400);
  });

  it("is left out where it repeats a secret", async () => {
    const secrets = ["cm9ib3Q6czNjcmV0", "s3cret"];
    for (const secret of secrets) {
      const error = await refusal(said(`you sent ${secret} here`), { status: 401 }, secrets);
      expect(error.message).toBe("up.example answered 401");
    }
    const harmless = await refusal(said("you sent nothing"), { status: 401 }, secrets);
    expect(harmless.message).toContain("you sent nothing");
  });
});

/** A body without an end, and how much of it was read. */
function endless() {
  const read = { bytes: 0, cancelled: false };
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      read.bytes += 1024;
      controller.enqueue(new Uint8Array(1024).fill(120));
    },
    cancel() {
      read.cancelled = true;
    },
  });
  return { read, stream };
}

describe("a body without an end", () => {
  it("is read a little way, and left", async () => {
    const { read, stream } = endless();
    const error = await refusal(stream, { status: 500 });
    expect(error.message).toBe("up.example answered 500");
    expect(read.cancelled).toBe(true);
    expect(read.bytes).toBeLessThan(32 * 1024);
  });

  it("is seen to be longer than its bound", async () => {
    const { read, stream } = endless();
    const bytes = await readBounded(new Response(stream), BOUNDS);
    expect(bytes.byteLength).toBeGreaterThan(5000);
    expect(bytes.byteLength).toBeLessThan(7000);
    expect(read.cancelled).toBe(true);
  });

  it("differs from one that just fits", async () => {
    const bytes = await readBounded(new Response(new Uint8Array(5000)), BOUNDS);
    expect(bytes.byteLength).toBe(5000);
  });
});
