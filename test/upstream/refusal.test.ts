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
    { status: 400, code: "UNAVAILABLE", clientStatus: 502 },
    { status: 401, code: "UNAUTHORIZED", clientStatus: 401 },
    { status: 403, code: "DENIED", clientStatus: 403 },
    { status: 404, code: "BLOB_UNKNOWN", clientStatus: 404 },
    { status: 405, code: "UNAVAILABLE", clientStatus: 502 },
    { status: 410, code: "BLOB_UNKNOWN", clientStatus: 404 },
    { status: 418, code: "UNAVAILABLE", clientStatus: 502 },
    { status: 429, code: "TOOMANYREQUESTS", clientStatus: 429 },
    { status: 500, code: "UNAVAILABLE", clientStatus: 502 },
    { status: 501, code: "UNAVAILABLE", clientStatus: 502 },
    { status: 502, code: "UNAVAILABLE", clientStatus: 502 },
    { status: 503, code: "UNAVAILABLE", clientStatus: 503 },
    { status: 504, code: "UNAVAILABLE", clientStatus: 504 },
    { status: 599, code: "UNAVAILABLE", clientStatus: 502 },
  ])("$status becomes $code with $clientStatus", async ({ status, code, clientStatus }) => {
    const error = await refusal(null, { status });
    expect(error).toMatchObject({ code, status: clientStatus, upstreamStatus: status });
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
  it.each<{ status: number; value: string; expected: object }>([
    { status: 429, value: "120", expected: { "Retry-After": "120" } },
    {
      status: 503,
      value: "Wed, 21 Oct 2026 07:28:00 GMT",
      expected: { "Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT" },
    },
    { status: 500, value: "120", expected: {} },
    { status: 404, value: "120", expected: {} },
    { status: 429, value: "9".repeat(41), expected: {} },
    { status: 429, value: "<script>", expected: {} },
  ])("$status with $value", async ({ status, value, expected }) => {
    const error = await refusal(null, { status, headers: { "Retry-After": value } });
    expect(error.headers).toEqual(expected);
  });
});

describe("the message", () => {
  it.each<{ title: string; body: string; expected: string }>([
    {
      title: "a registry's",
      body: said("pull rate limit reached"),
      expected: ": pull rate limit reached",
    },
    { title: "several lines", body: said("one\r\ntwo\u0000three"), expected: ": one two three" },
    { title: "a page", body: "<html>Sign in</html>", expected: "" },
    { title: "no text", body: said({ a: 1 }), expected: "" },
    { title: "no errors", body: "{}", expected: "" },
    { title: "errors that are none", body: '{"errors":5}', expected: "" },
    { title: "null", body: "null", expected: "" },
    { title: "errors of null", body: '{"errors":[null]}', expected: "" },
  ])("of $title", async ({ body, expected }) => {
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
