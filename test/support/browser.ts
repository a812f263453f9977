// A browser as far as the Worker sees one: it asks for pages, says where a form comes from, keeps cookies, and follows redirects.

import { expect } from "vitest";
import type { Cache } from "./cache.ts";

export const ORIGIN = "https://cache.example";

export class Browser {
  readonly #cache: Cache;
  readonly #cookies = new Map<string, string>();
  /** Where the last answer came from, as a path. */
  path = "";

  constructor(cache: Cache) {
    this.#cache = cache;
  }

  get cookies(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  /** A page, followed to where it leads. */
  async open(path: string, headers: Record<string, string> = {}): Promise<Response> {
    const response = await this.once("GET", path, { headers });
    return this.#followed(response);
  }

  /** A form that is sent, followed to where that leads. */
  async send(
    path: string,
    fields: Record<string, string>,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    return this.#followed(await this.once("POST", path, { fields, headers }));
  }

  async once(
    method: string,
    path: string,
    { fields, headers = {} }: { fields?: Record<string, string>; headers?: Record<string, string> },
  ): Promise<Response> {
    this.path = path;
    const response = await this.#cache.ask(`${ORIGIN}${path}`, {
      method,
      redirect: "manual",
      headers: {
        Accept: "text/html,*/*;q=0.8",
        "Sec-Fetch-Site": "same-origin",
        "Sec-Fetch-Mode": "navigate",
        ...(method === "POST" && { Origin: ORIGIN }),
        ...(this.#cookies.size > 0 && { Cookie: this.cookies }),
        ...headers,
      },
      ...(fields && { body: new URLSearchParams(fields) }),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (/Max-Age=0/.test(cookie)) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return response;
  }

  async signIn(token: string): Promise<void> {
    const response = await this.send("/sign-in", { token, to: "/tokens" });
    expect([response.status, this.path]).toEqual([200, "/tokens"]);
  }

  async #followed(response: Response): Promise<Response> {
    const location = response.headers.get("location");
    if (response.status !== 303 || location === null) return response;
    const { pathname, search } = new URL(location, ORIGIN);
    return this.open(pathname + search);
  }
}

/** What a page says, without its markup. */
export async function wordsOf(response: Response): Promise<string> {
  const text = (await response.text()).replace(/<[^>]*>/g, " ");
  const named: Record<string, string> = { lt: "<", gt: ">", amp: "&", quot: '"', "#39": "'" };
  return text.replace(/&(#?\w+);/g, (whole, name) => named[name] ?? whole).replace(/\s+/g, " ");
}
