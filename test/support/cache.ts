// The cache under test: the Worker with rules of the test's own, pointed at the fixture upstream.

import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { inject } from "vitest";
import type { Env } from "../../src/env.ts";
import worker from "../../src/index.ts";
import { Fixture, type UpstreamPorts } from "./fixture.ts";

declare module "vitest" {
  interface ProvidedContext {
    ports: UpstreamPorts;
  }
}

export const fixture = new Fixture(inject("ports"));

/** The doors of the fixture as rules: `open/…`, `bearer/…`, and `basic/…` and `robot/…` with credentials. */
const RULES = [
  { prefix: "open", upstream: fixture.url("open") },
  { prefix: "bearer", upstream: fixture.url("bearer") },
  { prefix: "basic", upstream: fixture.url("basic"), credentials: "ROBOT" },
  { prefix: "robot", upstream: fixture.url("bearer"), credentials: "ROBOT" },
];

export class Cache {
  readonly #env: Env;

  /** @param overrides variables and bindings in place of the test run's own */
  constructor(overrides: Record<string, unknown> = {}) {
    this.#env = { ...(env as unknown as Env), ...({ RULES, ...overrides } as object) };
  }

  /** @param path behind `/v2/` */
  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const request = new Request(`https://cache.example/v2/${path}`, init);
    const { fetch } = worker as {
      fetch(request: Request, env: Env, context: ExecutionContext): Promise<Response>;
    };
    return Promise.resolve(fetch(request, this.#env, createExecutionContext()));
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
