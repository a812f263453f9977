// The command line in a test: what a command says on which stream, and what it ends with.

import { vi } from "vitest";
import { run } from "../../src/cli/program.ts";
import { ADMIN } from "./access.ts";
import type { Cache } from "./cache.ts";

export interface Said {
  code: number;
  out: string;
  err: string;
}

/** Where a cache under test is, for the command line. */
export const URL_OF_CACHE = "https://cache.example";

const unreachable = (request: Request): Promise<Response> =>
  Promise.reject(new TypeError("fetch failed", { cause: new Error(`no way to ${request.url}`) }));

/** @param answers the server at `URL_OF_CACHE`; requests to other addresses are sent to the fixture */
export async function cli(
  args: readonly string[],
  answers: (request: Request) => Promise<Response> = unreachable,
  token: string = ADMIN,
): Promise<Said> {
  const said: { out: string[]; err: string[] } = { out: [], err: [] };
  const real = globalThis.fetch;
  const spies = [
    vi.spyOn(console, "log").mockImplementation((text) => {
      // The Worker that is asked logs in the same isolate.
      if (!String(text).startsWith('{"message":')) said.out.push(text);
    }),
    vi.spyOn(console, "error").mockImplementation((text) => void said.err.push(text)),
    vi.spyOn(globalThis, "fetch").mockImplementation((input, init) => {
      const request = new Request(input as string, init as RequestInit);
      return request.url.startsWith(URL_OF_CACHE) ? answers(request) : real(request);
    }),
  ];
  vi.stubEnv("ENTREPOT_ADMIN_TOKEN", token);
  process.exitCode = 0;
  try {
    await run(args);
    return {
      code: Number(process.exitCode),
      out: said.out.join("\n"),
      err: said.err.join("\n"),
    };
  } finally {
    process.exitCode = 0;
    vi.unstubAllEnvs();
    for (const spy of spies) spy.mockRestore();
  }
}

/** The command line of an admin of this cache. */
export function cliOf(cache: Cache): (...args: string[]) => Promise<Said> {
  return async (...args) => {
    const said = await cli([...args, "--url", URL_OF_CACHE], (request) =>
      cache.ask(request.url, request),
    );
    await cache.settled();
    return said;
  };
}
