// WEBHOOKS: receivers that events are sent to, each with the secret that signs them.

import { z } from "zod";
import { HAPPENINGS } from "../meter/happenings.ts";
import { pattern, secretName } from "./fields.ts";
import { hasGoodHost } from "./host.ts";
import { kindOf } from "./host-kind.ts";
import { describe } from "./issues.ts";
import { parseJson } from "./json.ts";
import { OWN_SECRETS } from "./secrets.ts";
import { isLoopback } from "./upstream.ts";

export interface Webhook {
  name: string;
  url: string;
  /** Name of the secret that signs what is sent. */
  secret: string;
  /** Globs over the names of events. */
  events: string[];
  /** Globs over repositories as clients name them; undefined for all. */
  repositories?: string[];
  /** Why nothing can be sent: its secret is missing or malformed. */
  problem?: string;
}

/** Maximum number of webhooks: each has a Durable Object that every event wakes. */
const MAX_WEBHOOKS = 20;
/** Maximum number of globs in a list, and length of a glob over events, in characters. */
const MAX_GLOBS = 100;
const MAX_EVENT_GLOB = 100;
/** Length of a signing key in bytes; Standard Webhooks has it from 24 to 64, and HMAC takes a longer text too. */
const MIN_KEY = 24;
const MAX_ENCODED_KEY = 64;
const ENCODED = /^whsec_([A-Za-z0-9+/]+={0,2})$/;

/** A private host would let this configuration reach what only the deployment's network can (SSRF). */
const url = z.string({ error: "must be an https:// URL" }).transform((text, context): string => {
  const problem = problemOfUrl(text);
  if (problem === undefined) return new URL(text).href;
  context.issues.push({ code: "custom", input: "", message: problem });
  return z.NEVER;
});

/** Its message does not repeat the URL, which may contain a credential. */
function problemOfUrl(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) return "must be an https:// URL";
  if (url.username || url.password) return "must not contain a user name or password";
  if (url.hash) return "must not have a fragment";
  if (!hasGoodHost(url)) return "has an invalid host";
  if (url.protocol === "http:")
    return isLoopback(url.hostname)
      ? undefined
      : "is http://, which is allowed for loopback only: use https://";
  const kind = kindOf(url.hostname);
  return kind === "public" ? undefined : `leads to a ${kind} host: it must be a public one`;
}

const EVENT_WORDS = `must be an event or a glob over events, such as "tag.*"; events are ${HAPPENINGS.join(", ")}`;
const event = z
  .string({ error: EVENT_WORDS })
  .max(MAX_EVENT_GLOB, EVENT_WORDS)
  .regex(/^[a-z.*?{},]+$/, { error: EVENT_WORDS, abort: true })
  .refine(isEvent, EVENT_WORDS);

/** False for a name, or for all names of a kind (`tag.*`), that no event has. Other globs are taken as they are. */
function isEvent(text: string): boolean {
  if (/^[a-z.]+$/.test(text)) return (HAPPENINGS as readonly string[]).includes(text);
  const [, kind] = /^([a-z]+\.)\*$/.exec(text) ?? [];
  return kind === undefined || HAPPENINGS.some((name) => name.startsWith(kind));
}

const repositories = pattern.refine(
  (text) => !text.includes(":"),
  "must be a glob over repositories, without a tag",
);

const NAME_WORDS =
  "must be a name of lower-case letters, digits and -, of at most 63 characters, such as deploys";

export const webhookSchema = z.strictObject({
  name: z
    .string({ error: NAME_WORDS })
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, NAME_WORDS)
    .describe("Its name in the API, the console and metrics."),
  url: url.describe(
    "Where events are sent to by POST: an https:// URL of a public host. http:// is allowed for loopback only.",
  ),
  secret: secretName
    .refine((name) => !OWN_SECRETS.includes(name), "is one of the cache's own secrets")
    .describe(
      "Name of the secret that signs what is sent: whsec_ and 24 to 64 bytes in base64 (Standard Webhooks), or a text of at least 24 bytes.",
    ),
  events: z
    .array(event, { error: "must be a list of events or globs" })
    .min(1, "must have at least one event")
    .max(MAX_GLOBS, `must have at most ${MAX_GLOBS} events`)
    .default(["*"])
    .describe("Events to send, as names or globs, such as tag.*."),
  repositories: z
    .array(repositories, { error: "must be a list of globs over repositories" })
    .min(1, "must have at least one glob")
    .max(MAX_GLOBS, `must have at most ${MAX_GLOBS} globs`)
    .optional()
    .describe(
      "Globs over repositories as clients name them, such as docker.io/library/*. Events without a repository, such as upstream.down, are sent all the same. Default: all repositories.",
    ),
});

const webhooksSchema = z
  .array(webhookSchema, { error: "must be a list of webhooks" })
  .max(MAX_WEBHOOKS, `must have at most ${MAX_WEBHOOKS} webhooks`);

/** @param env the Worker's variables and secrets @param problems receives what is wrong */
export function readWebhooks(
  env: Readonly<Record<string, unknown>>,
  problems: string[],
): Webhook[] {
  const { WEBHOOKS: value } = env;
  if (value === undefined || value === "") return [];
  const given = parseJson(value);
  if ("problem" in given) {
    problems.push(`WEBHOOKS: ${given.problem}`);
    return [];
  }
  const parsed = webhooksSchema.safeParse(given.value);
  if (!parsed.success) {
    problems.push(
      ...parsed.error.issues.flatMap((issue) => describe("WEBHOOKS", issue, "a webhook")),
    );
    return [];
  }
  const names = parsed.data.map(({ name }) => name);
  names.forEach((name, at) => {
    if (names.indexOf(name) < at)
      problems.push(`WEBHOOKS[${at}].name: another webhook has the name ${name} already`);
  });
  return parsed.data.map(({ repositories, ...webhook }) => {
    const key = signingKey(env, webhook.secret);
    return {
      ...webhook,
      ...(repositories && { repositories }),
      ...("problem" in key && { problem: key.problem }),
    };
  });
}

/** The key that a secret holds, or what is wrong with it, without its value.
 * @param env the Worker's variables and secrets @param name of the secret */
export function signingKey(
  env: Readonly<Record<string, unknown>>,
  name: string,
): { key: Uint8Array } | { problem: string } {
  const value = env[name] ?? "";
  if (value === "")
    return {
      problem: `the secret ${name} is not set: \`npx wrangler secret put ${name}\``,
    };
  const text = typeof value === "string" ? value.trim() : "";
  const isEncoded = text.startsWith("whsec_");
  const key = isEncoded ? decoded(text) : new TextEncoder().encode(text);
  if (!key || key.length < MIN_KEY || (isEncoded && key.length > MAX_ENCODED_KEY))
    return {
      problem: `the secret ${name} must be whsec_ and ${MIN_KEY} to ${MAX_ENCODED_KEY} bytes in base64, or a text of at least ${MIN_KEY} bytes`,
    };
  return { key };
}

function decoded(text: string): Uint8Array | undefined {
  const [, base64] = ENCODED.exec(text) ?? [];
  const bare = base64?.replace(/=+$/, "");
  if (bare === undefined || bare.length % 4 === 1) return undefined;
  return Uint8Array.from(atob(bare), (character) => character.charCodeAt(0));
}
