// Public registries, as far as tests need them: their registry is the fixture, under an own path; their API is the test's.

import { vi } from "vitest";
import { fixture } from "./cache.ts";

/** A request to an API, as the test answers it. */
export interface ApiRequest {
  url: URL;
  headers: Headers;
}

export interface Registries {
  /** Requests to APIs, in order. */
  readonly asked: ApiRequest[];
}

/** Until the mocks are restored.
 * @param registry host whose registry the fixture plays
 * @param api host of its API
 * @param answer to a request to the API */
export function playRegistry(
  registry: string,
  api: string,
  answer: (request: ApiRequest) => Response | Promise<Response>,
): Registries {
  const asked: ApiRequest[] = [];
  const real = globalThis.fetch;
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input as RequestInfo, init as RequestInit);
    const url = new URL(request.url);
    if (url.host === registry && url.pathname.startsWith("/v2/"))
      return real(new Request(fixture.url("open") + url.pathname + url.search, request));
    if (url.host !== api) return real(request);
    const one = { url, headers: request.headers };
    asked.push(one);
    return answer(one);
  });
  return { asked };
}
