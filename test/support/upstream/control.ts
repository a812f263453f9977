// The control port: `POST /<verb>` with JSON, by which a test fills, breaks and watches the fixture.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Commands } from "../wire.ts";
import { readBody } from "./body.ts";
import { serviceAccount } from "./google.ts";
import { clear, type State } from "./state.ts";

type Handlers = {
  [Verb in keyof Commands]: (
    params: Commands[Verb]["params"],
    body: Uint8Array,
  ) => Promise<Commands[Verb]["result"]>;
};

export async function control(
  state: State,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const url = new URL(req.url ?? "/", "http://fixture");
  const verb = url.pathname.slice(1);
  const handlers = handlersOf(state);
  const body = await readBody(req);
  try {
    if (req.method !== "POST" || !(verb in handlers))
      throw new Error(`no such command: ${req.method} ${url.pathname}`);
    // Bytes come as they are, with their parameters in the query.
    const inQuery = url.searchParams.get("params");
    const params = JSON.parse(inQuery ?? Buffer.from(body).toString());
    const handler = handlers[verb as keyof Commands] as (
      params: unknown,
      body: Uint8Array,
    ) => Promise<unknown>;
    const result = JSON.stringify((await handler(params, body)) ?? null);
    res.writeHead(200, { "content-type": "application/json" }).end(result);
  } catch (error) {
    res.writeHead(400, { "content-type": "text/plain" }).end(String(error));
  }
}

function handlersOf(state: State): Handlers {
  const { repositories, faults, holds, journal, accounts, logins, limits, receivers } = state;
  return {
    generate: async ({ repository, seed, size, algorithm }) =>
      repositories.addGenerated(repository, seed, size, algorithm),
    blob: async ({ repository, algorithm }, body) =>
      repositories.addGiven(repository, body, algorithm),
    manifest: async ({ repository, mediaType, tag, algorithm }, body) => {
      const descriptor = await repositories.addManifest(repository, body, mediaType, algorithm);
      if (tag !== undefined) repositories.at(repository).tags.set(tag, descriptor.digest);
      return descriptor;
    },
    tag: async ({ repository, tag, digest }) =>
      void repositories.at(repository).tags.set(tag, digest),
    remove: async ({ repository, reference }) => repositories.remove(repository, reference),
    settings: async ({ repository, ...settings }) =>
      void Object.assign(repositories.at(repository).settings, settings),
    fault: async (rule) => {
      if (rule.do.hold !== undefined) holds.shut(rule.do.hold, rule.match.repository);
      return faults.add(rule);
    },
    heal: async (which) => void faults.end(which),
    release: async ({ name }) => holds.release(name),
    held: async ({ name, count }) => holds.held(name, count),
    idle: async ({ repository }) => journal.idle(repository),
    requests: async (filter) => journal.requests(filter),
    concurrent: async ({ repository }) => journal.concurrent(repository),
    rateLimit: async (limit) => limits.set(limit),
    token: async (settings) => accounts.set(settings),
    serviceAccount: async ({ repository }) => serviceAccount(state, repository),
    receive: async ({ hook, rules }) => {
      for (const { hold } of rules) if (hold !== undefined) holds.shut(hold, undefined);
      receivers.set(hook, rules);
    },
    received: async ({ hook }) => receivers.received(hook),
    revoke: async ({ repository }) => {
      accounts.revoke(repository);
      logins.revoke(repository);
    },
    clear: async ({ repository }) => clear(state, repository),
  };
}
