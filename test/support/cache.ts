// The cache under test: the Worker with rules of the test's own, pointed at the fixture upstream.

import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { inject } from "vitest";
import type { Env } from "../../src/env.ts";
import worker from "../../src/index.ts";
import { doorsOf } from "./doors.ts";
import { Fixture, type ServiceAccountKey, type UpstreamPorts } from "./fixture.ts";
import { listenTo } from "./secrets.ts";

declare module "vitest" {
  interface ProvidedContext {
    ports: UpstreamPorts;
    /** Of the secret GOOGLE_KEY: its file as it is bound. */
    serviceAccount: ServiceAccountKey;
  }
}

export const fixture = new Fixture(inject("ports"));

const doors = (path?: string, fields?: object) => doorsOf(fixture, path, fields);

/** A path that makes a fixture's door an upstream of its own: one that fails is left alone for a while, and what one test
 * breaks must not be out of order for the next. */
export function apartPath(): string {
  return `/apart-${crypto.randomUUID().slice(0, 8)}`;
}

/** A cache in front of upstreams of its own.
 * @param fields of its rules
 * @param overrides as of any cache
 * @param path of the upstreams, where another cache has the same ones */
export function cacheApart(
  fields: object = {},
  overrides: Record<string, unknown> = {},
  path = apartPath(),
): Cache {
  return new Cache({ RULES: doors(path, fields), ...overrides });
}

/** Each cache is an isolate that has just begun, and all are asked from one address: who is let in there is counted anew each time. */
const LOGINS = { limit: async () => ({ success: true }) };

export class Cache {
  readonly #env: Env;
  readonly #contexts: ExecutionContext[] = [];

  /** @param overrides variables and bindings in place of the test run's own */
  constructor(overrides: Record<string, unknown> = {}) {
    this.#env = {
      ...(env as unknown as Env),
      ...({ RULES: doors(), LOGINS, ...overrides } as object),
    };
  }

  /** @param path behind `/v2/`
   * @param host that the request comes to */
  fetch(path: string, init: RequestInit = {}, host = "cache.example"): Promise<Response> {
    return this.ask(`https://${host}/v2/${path}`, init);
  }

  /** The hourly cron. @param now that it goes by, in ms since the epoch */
  async sweep(now: number): Promise<void> {
    const { scheduled } = worker as unknown as {
      scheduled(controller: { scheduledTime: number }, env: Env): Promise<void>;
    };
    await scheduled({ scheduledTime: now }, this.#env);
  }

  ask(url: string, init: RequestInit = {}): Promise<Response> {
    const request = new Request(url, init);
    const { fetch } = worker as {
      fetch(request: Request, env: Env, context: ExecutionContext): Promise<Response>;
    };
    const context = createExecutionContext();
    this.#contexts.push(context);
    return Promise.resolve(fetch(request, this.#env, context)).then((response) =>
      listenTo(response, url),
    );
  }

  /** Resolves once what goes on behind the answers has ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#contexts.splice(0).map((context) => waitOnExecutionContext(context)));
  }

  head(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return this.fetch(path, { method: "HEAD", headers });
  }

  async bytes(path: string, headers: Record<string, string> = {}): Promise<Uint8Array> {
    const response = await this.fetch(path, { headers });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return new Uint8Array(await response.arrayBuffer());
  }
}

let count = 0;
/** A repository that no other test knows. */
export function repository(hint: string): string {
  count += 1;
  return `${hint}-${count}-${crypto.randomUUID().slice(0, 8)}`;
}
