// The fields of a rule that are more than a number or a switch: each parsed into the form that the house works with.

import { z } from "zod";
import { isDigest } from "../oci/digest.ts";
import { isRepositoryName } from "../oci/name.ts";
import { hasGoodHost, isHost } from "./host.ts";
import { registryHost } from "./upstream.ts";

/** One, or a list of at least one; what is wrong with the only one is told without its place in a list. */
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
  return read.meta({ kind: "a text, or a list of them" });
}

export const prefix = z
  .string()
  .refine(
    isRepositoryName,
    'must be the first part(s) of a repository name, such as "docker-hub": lower case, digits and . _ - within a part',
  );

/** As a host it keeps its form (config/realms says what it means); as a URL it becomes that one's origin. */
export const realm = z.string().transform((text, context): string => {
  const whole = text.includes("://") ? text : `https://${text}`;
  const url = URL.canParse(whole) ? new URL(whole) : undefined;
  if (url && /^https?:$/.test(url.protocol) && hasGoodHost(url))
    return whole === text ? url.origin : url.host;
  const message = "must be a host name or the URL of a token service";
  context.issues.push({ code: "custom", input: text, message });
  return z.NEVER;
});

/** A host that requests come to. With a port it stands for that port alone, without one for any. */
export const host = z
  .string()
  .refine(isHost, 'must be a host name of this deployment, such as "docker.mirror.example.com"')
  .transform((text) => text.toLowerCase().replace(/\.(?=(:\d+)?$)/, ""));

/** What of it cannot be guessed has to be as long as a token. */
export const secretHost = host.refine(
  (text) => text.split(".").some((label) => label.length >= 20),
  "must have a part of 20 characters at least that nobody can guess, such as that of `openssl rand -hex 16`",
);

/** A registry as containerd names it in `?ns=`. */
export const namespace = z
  .string()
  .refine(
    isHost,
    'must be a registry\'s host as clients name it, such as "docker.io" or "a.example:5000"',
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

/** Of a glob, in characters: a name has 255 and a tag 128, and braces may list some. Matching takes time in proportion to it. */
const LONGEST_GLOB = 1_024;
const TOO_LONG = `must be a glob of ${LONGEST_GLOB} characters at most: write several`;

/** A glob over `name` or `name:tag` (policy/glob says what matches). */
export const pattern = z
  .string()
  .max(LONGEST_GLOB, { error: TOO_LONG, abort: true })
  .refine((text) => !text.includes("@"), {
    error: "must not hold a digest: those go into denyDigests",
    abort: true,
  })
  .regex(/^[a-z0-9._\-/*?{},[\]^!]+(:[A-Za-z0-9._\-*?{},[\]^!]+)?$/, GLOB_WORDS)
  .refine(
    (text) => !/(^|:)!/.test(text),
    "must not begin with !: what is not allowed goes into deny",
  )
  .refine(isBalanced, "has a bracket that is not closed, or not opened");

/** A glob over a tag, or over `name:tag`. */
export const tagPattern = z
  .string()
  .max(LONGEST_GLOB, { error: TOO_LONG, abort: true })
  .regex(
    /^([a-z0-9._\-/*?{},[\]^!]+:)?[A-Za-z0-9._\-*?{},[\]^!]+$/,
    'must be a glob over tags, such as "v*", or over names and tags, such as "library/alpine:3.*"',
  )
  .refine(isBalanced, "has a bracket that is not closed, or not opened");

function isBalanced(text: string): boolean {
  const bare = text.replaceAll(/\[[^[\]]*\]/g, "").replaceAll(/\{[^{}]*\}/g, "");
  return !/[[\]{}]/.test(bare);
}

export const digest = z
  .string()
  .refine(isDigest, "must be a digest: sha256: and 64, or sha512: and 128 hexadecimal digits");

/** Shown to clients: a line of text. */
export const sentence = z
  .string()
  .regex(/^\P{Cc}{1,300}$/u, "must be a line of text, of 300 characters at most");
