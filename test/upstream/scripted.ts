// Upstreams of tests that need no server: `fetch` answers by a script, and keeps what it was asked.

import { vi } from "vitest";

export interface Sent {
  url: string;
  method: string;
  headers: Headers;
  body: string | null;
}

/** By `METHOD URL` or `URL`; a redirect is its Location. Anything else is an error of the test. */
export function scriptFetch(script: Record<string, string | (() => Response)>): Sent[] {
  const sent: Sent[] = [];
  vi.stubGlobal("fetch", async (input: URL | string, init: RequestInit = {}) => {
    const url = String(input);
    const method = init.method ?? "GET";
    const body = typeof init.body === "string" ? init.body : null;
    sent.push({ url, method, headers: new Headers(init.headers), body });
    const answer = script[`${method} ${url}`] ?? script[url];
    if (answer === undefined) throw new Error(`the script has no ${method} ${url}`);
    if (typeof answer === "function") return answer();
    return new Response("elsewhere", { status: 307, headers: { Location: answer } });
  });
  return sent;
}
