// Fuzzing: what every answer must be, whatever came in from clients or upstreams, and where requests may have gone.

import fc from "fast-check";
import { afterEach, beforeEach, expect, vi } from "vitest";
import { fixture } from "../support/cache.ts";

/** Cases of each property. */
export const RUNS = Number(import.meta.env.VITE_RUNS ?? 150);
/** Hosts that requests of the running test went to. */
let hosts: Set<string>;

/** For each test of a file: notes where requests go, and keeps the logs silent. */
export function watchRequests(): void {
  beforeEach(() => {
    hosts = new Set();
    const { fetch } = globalThis;
    vi.spyOn(globalThis, "fetch").mockImplementation((input, init) => {
      hosts.add(new URL(input instanceof Request ? input.url : String(input)).host);
      return fetch(input as string, init as RequestInit);
    });
    for (const how of ["log", "warn", "error"] as const)
      vi.spyOn(console, how).mockImplementation(() => {});
  });

  afterEach(() => {
    vi.restoreAllMocks();
  });
}

const KNOWN = () =>
  new Set(
    (["open", "bearer", "basic", "token", "cdn", "issuer", "control"] as const).map(
      (server) => `127.0.0.1:${fixture.ports[server]}`,
    ),
  );

/** A 500 is an error that the cache did not foresee. */
export async function expectUnderstood(response: Response, what: unknown): Promise<void> {
  const text = await response.text();
  expect([what, response.status]).not.toEqual([what, 500]);
  if (response.status >= 400 && text !== "") {
    const isProblem = response.headers.get("content-type") === "application/problem+json";
    const { type, errors } = JSON.parse(text) as { type?: string; errors: { code: string }[] };
    if (isProblem) expect(type).toMatch(/^\/guide\/api#[a-z-]+$/);
    else expect(errors[0]?.code).toMatch(/^[A-Z_]+$/);
    expect(text.length).toBeLessThan(4000);
  }
  for (const [, value] of response.headers) expect(value).not.toMatch(/[\r\n\0]/);
  for (const host of hosts) expect(KNOWN()).toContain(host);
}

export const digest = `sha256:${"a".repeat(64)}`;

/** A header's value, as far as it can be sent at all. */
export const headerValue = fc.oneof(
  fc
    .string({
      unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
      maxLength: 60,
    })
    .map((text) => text.trim()),
  fc.constantFrom("*", "a".repeat(5000), ",,,;;;===", '"', "q=;q=1,*/*;q=", "\t"),
);
