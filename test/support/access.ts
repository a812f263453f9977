// Caches that want to know who pulls: tokens made by their API, and requests with them.

import { env } from "cloudflare:workers";
import { expect } from "vitest";
import type { Access } from "../../src/access/contract.ts";
import { openAccess } from "../../src/access/open.ts";
import type { Env } from "../../src/env.ts";
import { Cache } from "./cache.ts";

export const access: Access = openAccess(env as unknown as Env);
export const ADMIN = "an-admin-token-of-the-tests-0123";
export const VIEWER = "a-viewer-token-of-the-tests-0123";

const unlimited = { limit: async () => ({ success: true }) };

/** Variables of a cache that requires a login, without limits. */
export const shut = (auth: object = {}) => ({
  LOGINS: unlimited,
  REQUESTS: unlimited,
  AUTH: { mode: "token", ...auth },
  ADMIN_TOKEN: ADMIN,
  VIEWER_TOKEN: VIEWER,
});

/** A cache that requires a token. */
export function shutCache(overrides: Record<string, unknown> = {}, auth: object = {}): Cache {
  return new Cache({ ...shut(auth), ...overrides });
}

export interface Made {
  id: string;
  token: string;
}

export function api(
  cache: Cache,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = { Authorization: `Bearer ${ADMIN}` },
): Promise<Response> {
  const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
  return cache.ask(`https://cache.example/api/${path}`, init);
}

export async function pullToken(
  cache: Cache,
  repositories: string[],
  more: object = {},
): Promise<Made> {
  const response = await api(cache, "POST", "tokens", { name: "a test's", repositories, ...more });
  expect(response.status).toBe(201);
  return response.json();
}

export const basic = (secret: string, user = "token") => ({
  Authorization: `Basic ${btoa(`${user}:${secret}`)}`,
});
export const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

/** In place of the binding of the book of access: it works until it is broken. */
export function brittleAccess() {
  const { ACCESS } = env as unknown as Env;
  let isBroken = false;
  const binding = {
    idFromName: () => "",
    get: () => {
      if (isBroken) throw Object.assign(new Error("overloaded"), { overloaded: true });
      return ACCESS.get(ACCESS.idFromName("access"));
    },
  };
  const breaks = () => {
    isBroken = true;
  };
  return { binding, breaks };
}

/** What the challenge of a 401 says. */
export function challengeOf(response: Response): {
  realm: string;
  service: string;
  scope: string | undefined;
} {
  const header = response.headers.get("www-authenticate") ?? "";
  expect(header).toMatch(/^Bearer /);
  const of = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(header)?.[1];
  return { realm: of("realm") ?? "", service: of("service") ?? "", scope: of("scope") };
}

export interface TokenAnswer {
  token: string;
  access_token: string;
  expires_in: number;
  issued_at: string;
  scope: string;
  refresh_token?: string;
}

/** As a client goes on after a challenge. */
export async function tokenFor(
  cache: Cache,
  challenge: { realm: string; service: string; scope: string | undefined },
  headers: Record<string, string>,
): Promise<Response> {
  const url = new URL(challenge.realm);
  url.searchParams.set("service", challenge.service);
  if (challenge.scope) url.searchParams.set("scope", challenge.scope);
  return cache.ask(url.href, { headers });
}

/** The whole way of a client with credentials: the answer of its second try. */
export async function flow(
  cache: Cache,
  url: string,
  headers: Record<string, string>,
  init: { method?: string; from?: string } = {},
): Promise<Response> {
  const { method = "GET", from } = init;
  const address: Record<string, string> = from === undefined ? {} : { "CF-Connecting-IP": from };
  const first = await cache.ask(url, { method, headers: address });
  if (first.status !== 401) return first;
  const answer = await tokenFor(cache, challengeOf(first), { ...headers, ...address });
  if (!answer.ok) return answer;
  const { token } = (await answer.json()) as TokenAnswer;
  return cache.ask(url, { method, headers: { ...bearer(token), ...address } });
}
