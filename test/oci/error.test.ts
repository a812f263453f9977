// Errors: thrown, carried as values across a call, and thrown again.

import { describe, expect, it } from "vitest";
import { type ErrorCode, RegistryError } from "../../src/oci/error.ts";
import { call, type Outcome, settle } from "../../src/platform/rpc.ts";

it.each<[ErrorCode, number]>([
  ["BLOB_UNKNOWN", 404],
  ["DENIED", 403],
  ["DIGEST_INVALID", 400],
  ["MANIFEST_INVALID", 400],
  ["MANIFEST_UNKNOWN", 404],
  ["NAME_INVALID", 400],
  ["NAME_UNKNOWN", 404],
  ["PAGINATION_NUMBER_INVALID", 400],
  ["RANGE_INVALID", 416],
  ["SIZE_INVALID", 400],
  ["TOOMANYREQUESTS", 429],
  ["UNAUTHORIZED", 401],
  ["UNAVAILABLE", 502],
  ["UNKNOWN", 500],
  ["UNSUPPORTED", 405],
])("%s is %i", (code, status) => {
  expect(new RegistryError(code, "why").status).toBe(status);
});

/** As a Durable Object's method is called: what it answers is cloned on its way. */
function crossed<T>(work: () => Promise<T>): Promise<T> {
  return call(async () => structuredClone(await settle(work)));
}

/** What is thrown across a call. */
async function thrownAcross(error: unknown): Promise<unknown> {
  return crossed(() => Promise.reject(error)).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
}

describe("an error that crosses a call", () => {
  it.each<[string, RegistryError]>([
    ["plain", new RegistryError("DENIED", "not yours")],
    ["with another status", new RegistryError("UNAVAILABLE", "late", { status: 504 })],
    [
      "with all there is",
      new RegistryError("TOOMANYREQUESTS", "slow down", {
        headers: { "Retry-After": "7" },
        upstreamStatus: 429,
        refusal: { by: "quarantine", digest: "sha256:abc" },
      }),
    ],
  ])("is the same on the other side: %s", async (_, error) => {
    const thrown = await thrownAcross(error);
    expect(thrown).toBeInstanceOf(RegistryError);
    const { code, message, status, headers, upstreamStatus } = error;
    expect({ ...(thrown as RegistryError) }).toMatchObject({ code, status, headers });
    expect((thrown as RegistryError).message).toBe(message);
    expect((thrown as RegistryError).upstreamStatus).toBe(upstreamStatus);
    expect((thrown as RegistryError).refusal).toEqual(error.refusal);
  });

  it("is told briefly where it is a fault of ours", async () => {
    const thrown = await thrownAcross(new TypeError("x of undefined"));
    expect(thrown).toMatchObject({ code: "UNKNOWN", status: 500 });
    expect((thrown as RegistryError).message).not.toContain("undefined");
  });
});

it.each([["a text"], [undefined], [null], [0]])("the value %s crosses as it is", async (value) => {
  expect(await crossed(async () => value)).toBe(value);
});

describe("a call whose object was reset", () => {
  /** Fails that often before it answers. */
  function flaky(failures: number, fault: Error) {
    const made = { calls: 0 };
    const work = async (): Promise<Outcome<string>> => {
      made.calls++;
      if (made.calls <= failures) throw fault;
      return { value: "answer" };
    };
    return { made, work };
  }

  it.each([0, 1, 3])("is made again, after %i resets", async (failures) => {
    const { made, work } = flaky(failures, new Error("reset"));
    expect(await call(work)).toBe("answer");
    expect(made.calls).toBe(failures + 1);
  });

  it("is given up in the end", async () => {
    const fault = new Error("reset");
    const { made, work } = flaky(1000, fault);
    await expect(call(work)).rejects.toBe(fault);
    expect(made.calls).toBe(4);
  });

  it("is not made again where the object is overloaded", async () => {
    const fault = Object.assign(new Error("overloaded"), { overloaded: true });
    const { made, work } = flaky(1000, fault);
    await expect(call(work)).rejects.toBe(fault);
    expect(made.calls).toBe(1);
  });

  it("is not made again for an error that it answers", async () => {
    let calls = 0;
    const answer = call(async () => {
      calls++;
      return settle(() => Promise.reject(new RegistryError("DENIED", "no")));
    });
    await expect(answer).rejects.toMatchObject({ code: "DENIED" });
    expect(calls).toBe(1);
  });
});
