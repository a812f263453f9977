// AUTH: who may pull (any client, if confirmed by acknowledgeOpen, else holders of a pull token or of a trusted issuer's token), and who
// may administer by way of Cloudflare Access.

import { z } from "zod";
import { type Condition, vagueIn } from "./conditions.ts";
import { oneOrMore, pattern } from "./fields.ts";
import { describe } from "./issues.ts";
import { parseJson } from "./json.ts";
import { isSafeUrl, withoutSlashes } from "./upstream.ts";

/** An issuer of OIDC tokens that are accepted in place of a pull token. */
export interface Issuer {
  /** The value of the tokens' `iss`. */
  issuer: string;
  audience: string[];
  claims: { [claim: string]: Condition };
  /** Globs over names. */
  repositories: string[];
  /** URL of its keys, at its own host, for an issuer without a discovery document. */
  jwksUri?: string;
  /** Its keys, for an issuer that the Worker cannot reach. */
  jwks?: { keys: Record<string, unknown>[] };
  /** False: pulls with its tokens do not keep an image from expiring. */
  touches?: boolean;
}

/** A Cloudflare Access team in front of the admin API. */
export interface Team {
  /** `https://<team>.cloudflareaccess.com`. */
  team: string;
  audience: string[];
  /** Globs over e-mail addresses of users, or over client ids of service tokens. */
  admins: string[];
  viewers: string[];
}

export interface Auth {
  mode: "open" | "token";
  issuers: Issuer[];
  access?: Team;
  insecureHttp?: boolean;
}

/** Minimum length of the cache's own secrets (ADMIN_TOKEN and the like), in characters, so that they cannot be guessed. */
export const SHORTEST_SECRET = 32;

const OPEN_WITHOUT_CONSENT =
  'mode = "open" lets every client that can reach this cache pull all that its rules reach, with their credentials: set acknowledgeOpen = true to confirm, or mode = "token"';

const texts = (words: string) => oneOrMore(z.string().min(1, words), words);

/** An issuer's or a team's URL: https only, since keys fetched over plain HTTP could be replaced by an attacker on the network. */
const origin = z
  .string({ error: "must be a URL" })
  .refine(
    (text) => isSafeUrl(text) && new URL(text).hash === "",
    "must be an https:// URL, without credentials in it",
  );

const condition: z.ZodType<Condition> = z.lazy(() =>
  z.union(
    [
      z.string().min(1),
      z.number(),
      z.boolean(),
      z.array(condition).min(1),
      z.record(z.string(), condition).refine((table) => Object.keys(table).length > 0),
    ],
    { error: "must be a string, a number, a boolean, a list of those, or a table of claims" },
  ),
);

/** Globs over names as clients send them, with the rule's prefix. */
export const repositories = z
  .array(
    pattern.refine((text) => !text.includes(":"), "must be a glob over names, without a tag"),
    {
      error: 'must be a list of globs over names, such as ["docker-hub/library/*", "ghcr/acme/**"]',
    },
  )
  .min(1, "must contain at least one glob: an empty list would allow nothing");

export const issuerSchema = z
  .strictObject({
    issuer: origin.describe("The issuer's URL, as in its tokens' iss."),
    audience: texts("must be the audience of the tokens, or a list of audiences").describe(
      "One or more accepted values of the tokens' aud, such as this cache's host name.",
    ),
    claims: z
      .record(z.string(), condition, {
        error: "must be a table of conditions: claim = value",
      })
      .describe(
        "Conditions on the tokens' claims, all of which must hold: a value, a list of alternatives, or a table for a claim that is an object. * matches any characters.",
      ),
    repositories: repositories.describe(
      "Repositories that these tokens may pull: globs over names as clients send them.",
    ),
    jwksUri: origin
      .exactOptional()
      .describe("URL of the issuer's keys, at its own host, if it has no discovery document."),
    jwks: z
      .object({ keys: z.array(z.looseObject({ kty: z.enum(["RSA", "EC", "OKP"]) })).min(1) })
      .exactOptional()
      .meta({
        kind: "a key set (JWKS)",
        description: "The issuer's keys, if it cannot be reached from the internet.",
      }),
    touches: z
      .boolean({ error: "must be true or false" })
      .exactOptional()
      .describe(
        "false: pulls with these tokens do not keep an image from expiring; for tools that only inspect images, such as update bots and scanners. If a token matches several entries, one with false is enough.",
      ),
  })
  .superRefine(({ issuer: url, claims, jwksUri }, context) => {
    const report = (path: (string | number)[], message: string) =>
      void context.issues.push({ code: "custom", path, input: undefined, message });
    const vague = vagueIn(url, claims);
    if (vague) report(["claims", ...vague.path], vague.problem);
    if (jwksUri !== undefined && new URL(jwksUri).origin !== new URL(url).origin)
      report(
        ["jwksUri"],
        "must be at the issuer's own host: keys from another host are not trusted",
      );
  });

export const teamSchema = z
  .strictObject({
    team: origin
      .transform(withoutSlashes)
      .describe("The team's URL: https://TEAM.cloudflareaccess.com."),
    audience: texts("must be the application's audience (AUD) tag, or a list of them").describe(
      "The application's AUD tag, or a list of them.",
    ),
    admins: z
      .array(z.string().min(1))
      .default([])
      .describe(
        "E-mail addresses, or client ids of service tokens, with full administrative access. * matches any characters.",
      ),
    viewers: z.array(z.string().min(1)).default([]).describe("The same, with read-only access."),
  })
  .refine(({ admins, viewers }) => admins.length + viewers.length > 0, {
    error: "grants nobody access: list admins or viewers",
  });

export const authSchema = z
  .strictObject({
    mode: z
      .enum(["open", "token"], { error: 'must be "open" or "token"' })
      .default("token")
      .describe(
        "token: a pull needs a pull token, or a token of a trusted issuer. open: any client may pull.",
      ),
    acknowledgeOpen: z
      .boolean({ error: "must be true or false" })
      .default(false)
      .describe("Confirms mode = open; must be true with it."),
    issuers: z
      .array(issuerSchema, { error: "must be a list of issuers" })
      .default([])
      .describe("Issuers of OIDC tokens that are accepted in place of a pull token."),
    access: teamSchema
      .exactOptional()
      .describe("Cloudflare Access in front of the console and the admin API."),
    insecureHttp: z
      .boolean({ error: "must be true or false" })
      .exactOptional()
      .describe(
        "Allows pulls over http:// at a private address or name, such as host.docker.internal, for containers and CI: without a login, and without the console. Otherwise http:// is served on 127.0.0.1 only.",
      ),
  })
  .transform(({ acknowledgeOpen, ...auth }, context): Auth => {
    if (auth.mode === "open" && !acknowledgeOpen)
      context.issues.push({
        code: "custom",
        path: [],
        input: "open",
        message: OPEN_WITHOUT_CONSENT,
      });
    return auth;
  });

/** Reads AUTH; without it, every pull needs a token. @param value of the variable: a table, or its JSON as `--var` passes it */
export function readAuth(value: unknown, problems: string[]): Auth {
  const closed: Auth = { mode: "token", issuers: [] };
  if (value === undefined || value === "") return closed;
  const given = parseJson(value);
  if ("problem" in given) {
    problems.push(`AUTH: ${given.problem}`);
    return closed;
  }
  const parsed = authSchema.safeParse(given.value);
  if (parsed.success) return parsed.data;
  problems.push(...parsed.error.issues.flatMap((issue) => describe("AUTH", issue, "AUTH")));
  return closed;
}
