// Field schemas shared by rules, policies and variables: hosts, names, globs, digests, each parsed into the form that the code uses.

import { z } from "zod";
import { isDigest } from "../oci/digest.ts";
import { isRepositoryName } from "../oci/name.ts";
import { hasGoodHost, isHost } from "./host.ts";
import { registryHost } from "./upstream.ts";

/** A single value or a list of at least one; a problem with a single value has no index in its path. */
export function oneOrMore<T>(item: z.ZodType<T, string>, words: string) {
  const read = z.unknown().transform((value, context): T[] => {
    const list: unknown[] = Array.isArray(value) ? value : [value];
    if (list.length === 0 || list.some((one) => typeof one !== "string")) {
      context.issues.push({ code: "custom", input: value, message: words });
      return z.NEVER;
    }
    return list.flatMap((one, index) => {
      const parsed = item.safeParse(one);
      if (parsed.success) return [parsed.data];
      const path = Array.isArray(value) ? [index] : [];
      for (const { message } of parsed.error.issues) {
        context.issues.push({ code: "custom", input: one, path, message });
      }
      return [];
    });
  });
  return read.meta({ kind: "a string, or a list of strings" });
}

export const prefix = z
  .string()
  .refine(
    isRepositoryName,
    'must be the first component(s) of a repository name, such as "docker-hub": lower-case letters, digits and . _ - within a component',
  );

/** A token service: a host keeps its form (config/realms resolves it); a URL becomes its origin. */
export const realm = z.string().transform((text, context): string => {
  const whole = text.includes("://") ? text : `https://${text}`;
  const url = URL.canParse(whole) ? new URL(whole) : undefined;
  if (url && /^https?:$/.test(url.protocol) && hasGoodHost(url))
    return whole === text ? url.origin : url.host;
  const message = "must be a host name or the URL of a token service";
  context.issues.push({ code: "custom", input: text, message });
  return z.NEVER;
});

/** A host that requests arrive at; with a port it matches that port only, without one any port. */
export const host = z
  .string()
  .refine(isHost, 'must be a host name of this deployment, such as "docker.mirror.example.com"')
  .transform((text) => text.toLowerCase().replace(/\.(?=(:\d+)?$)/, ""));

/** A host with a label of at least 20 characters, as hard to guess as a token. */
export const secretHost = host.refine(
  (text) => text.split(".").some((label) => label.length >= 20),
  "must have an unguessable label of at least 20 characters, such as the output of `openssl rand -hex 16`",
);

/** A registry's host as containerd sends it in `?ns=`. */
export const namespace = z
  .string()
  .refine(
    isHost,
    'must be a registry\'s host as clients write it, such as "docker.io" or "a.example:5000"',
  )
  .transform(registryHost);

export const secretName = z
  .string()
  .regex(
    /^[A-Za-z_][A-Za-z0-9_]*$/,
    "must be the name of a secret, such as DOCKER_HUB, never its value",
  );

const GLOB_WORDS =
  'must be a glob over names, such as "library/*", or over names and tags, such as "library/alpine:3.*"';

/** Maximum length of a glob, in characters, since matching time is proportional to it. A name has up to 255 characters and a tag 128;
 * braces may list several. */
const MAX_GLOB = 1_024;
const TOO_LONG = `must be a glob of at most ${MAX_GLOB} characters: split it into several`;

/** A glob over `name` or `name:tag`, matched by policy/glob. */
export const pattern = z
  .string()
  .max(MAX_GLOB, { error: TOO_LONG, abort: true })
  .refine((text) => !text.includes("@"), {
    error: "must not contain a digest: use denyDigests",
    abort: true,
  })
  .regex(/^[a-z0-9._\-/*?{},[\]^!]+(:[A-Za-z0-9._\-*?{},[\]^!]+)?$/, GLOB_WORDS)
  .refine((text) => !/(^|:)!/.test(text), "must not begin with !: use deny for exclusions")
  .refine(isBalanced, "has an unbalanced bracket");

/** A glob over a tag, or over `name:tag`. */
export const tagPattern = z
  .string()
  .max(MAX_GLOB, { error: TOO_LONG, abort: true })
  .regex(
    /^([a-z0-9._\-/*?{},[\]^!]+:)?[A-Za-z0-9._\-*?{},[\]^!]+$/,
    'must be a glob over tags, such as "v*", or over names and tags, such as "library/alpine:3.*"',
  )
  .refine(isBalanced, "has an unbalanced bracket");

export function isBalanced(text: string): boolean {
  const bare = text.replaceAll(/\[[^[\]]*\]/g, "").replaceAll(/\{[^{}]*\}/g, "");
  return !/[[\]{}]/.test(bare);
}

const DIGEST_WORDS = "must be a digest: sha256: with 64 hexadecimal digits, or sha512: with 128";
export const digest = z.string({ error: DIGEST_WORDS }).refine(isDigest, DIGEST_WORDS);

const SENTENCE_WORDS = "must be a line of text of at most 300 characters";
/** A line of text that clients are shown. */
export const sentence = z
  .string({ error: SENTENCE_WORDS })
  .regex(/^\P{Cc}{1,300}$/u, SENTENCE_WORDS);
