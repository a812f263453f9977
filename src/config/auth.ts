// AUTH: who may pull. Everybody, where that is said twice; else whoever has a token of ours, or of an issuer that is trusted here. And who
// comes through Cloudflare Access to administer.

import { z } from "zod";
import { type Condition, vagueIn } from "./conditions.ts";
import { oneOrMore, pattern } from "./fields.ts";
import { describe } from "./issues.ts";
import { parseJson } from "./json.ts";
import { isSafeUrl, withoutSlashes } from "./upstream.ts";

/** OIDC tokens that are as good as a pull token. */
export interface Issuer {
  /** As the tokens' `iss` says it. */
  issuer: string;
  audience: string[];
  claims: { [claim: string]: Condition };
  /** Globs over names. */
  repositories: string[];
  /** Where its keys are, for one that does not say; at its own host. */
  jwksUri?: string;
  /** Its keys, for one that cannot be reached. */
  jwks?: { keys: Record<string, unknown>[] };
  /** False: nothing that is asked for with its tokens keeps an image alive. */
  touches?: boolean;
}

/** Cloudflare Access in front of the API. */
export interface Team {
  /** `https://<team>.cloudflareaccess.com`. */
  team: string;
  audience: string[];
  /** Globs over addresses of people, or over the client ids of service tokens. */
  admins: string[];
  viewers: string[];
}

export interface Auth {
  mode: "open" | "token";
  issuers: Issuer[];
  access?: Team;
  insecureHttp?: boolean;
}

/** Least length of the cache's own secrets, in characters: a token that can be guessed is no door. */
export const SHORTEST_SECRET = 32;

const OPEN_SENTENCE =
  'mode = "open" lets everybody who finds this cache pull whatever its rules reach, with their credentials: say acknowledgeOpen = true beside it if that is meant, or mode = "token"';

const texts = (words: string) => oneOrMore(z.string().min(1, words), words);

/** A token travels to its issuer never, but keys come from there: not over what anybody can write into. */
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
    { error: "must be a text, a number, a switch, a list of those, or a table of claims" },
  ),
);

/** Globs over names as clients say them, with the rule's prefix. */
export const repositories = z
  .array(
    pattern.refine((text) => !text.includes(":"), "must be a glob over names, without a tag"),
    {
      error: 'must be a list of globs over names, such as ["docker-hub/library/*", "ghcr/acme/**"]',
    },
  )
  .min(1, "must hold a glob: an empty list would allow nothing");

export const issuerSchema = z
  .strictObject({
    issuer: origin.describe("The issuer's URL, as its tokens' iss says it."),
    audience: texts(
      "must be the audience that the tokens are made for, or a list of them",
    ).describe("What the tokens have to be made for: this cache's name, say; one or a list."),
    claims: z
      .record(z.string(), condition, {
        error: "must be a table of conditions: claim = value",
      })
      .describe(
        "Conditions that the tokens' claims have to meet, all of them: a value, a list of which one will do, or a table for a claim that is one. * stands for any characters.",
      ),
    repositories: repositories.describe(
      "What these tokens may pull: globs over names as clients say them.",
    ),
    jwksUri: origin
      .exactOptional()
      .describe("Where its keys are, at its own host, for an issuer without a discovery document."),
    jwks: z
      .object({ keys: z.array(z.looseObject({ kty: z.enum(["RSA", "EC", "OKP"]) })).min(1) })
      .exactOptional()
      .meta({
        kind: "a key set (JWKS)",
        description: "Its keys, for an issuer that cannot be reached from the internet.",
      }),
    touches: z
      .boolean({ error: "must be true or false" })
      .exactOptional()
      .describe(
        "false: nothing that is asked for with these tokens keeps an image from expiring: for tools that only look, such as update bots and scanners. Of several entries that a token meets, one is enough.",
      ),
  })
  .superRefine(({ issuer: url, claims, jwksUri }, context) => {
    const say = (path: (string | number)[], message: string) =>
      void context.issues.push({ code: "custom", path, input: undefined, message });
    const vague = vagueIn(url, claims);
    if (vague) say(["claims", ...vague.path], vague.problem);
    if (jwksUri !== undefined && new URL(jwksUri).origin !== new URL(url).origin)
      say(
        ["jwksUri"],
        "must be at the issuer's own host: keys from elsewhere are not the issuer's",
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
        "Addresses, or client ids of service tokens, of those who administer; * stands for any characters.",
      ),
    viewers: z
      .array(z.string().min(1))
      .default([])
      .describe("The same, of those who look and change nothing."),
  })
  .refine(({ admins, viewers }) => admins.length + viewers.length > 0, {
    error: "lets nobody in: name admins or viewers",
  });

export const authSchema = z
  .strictObject({
    mode: z
      .enum(["open", "token"], { error: 'must be "open" or "token"' })
      .default("token")
      .describe(
        "token: whoever pulls has a pull token, or an issuer's. open: everybody pulls who finds the cache.",
      ),
    acknowledgeOpen: z
      .boolean({ error: "must be true or false" })
      .default(false)
      .describe("Has to be true beside open: that is meant."),
    issuers: z
      .array(issuerSchema, { error: "must be a list of issuers" })
      .default([])
      .describe("Issuers of OIDC tokens that are as good as a pull token."),
    access: teamSchema
      .exactOptional()
      .describe("Cloudflare Access in front of the console and the API."),
    insecureHttp: z
      .boolean({ error: "must be true or false" })
      .exactOptional()
      .describe(
        "Allows pulls over http:// from a private address or name, such as host.docker.internal, for containers and CI: without a login, and without the console. Else only 127.0.0.1 is answered over http://.",
      ),
  })
  .transform(({ acknowledgeOpen, ...auth }, context): Auth => {
    if (auth.mode === "open" && !acknowledgeOpen)
      context.issues.push({ code: "custom", path: [], input: "open", message: OPEN_SENTENCE });
    return auth;
  });

/** @param value of the variable AUTH: a table, or JSON of one, as `--var` hands it over. Without it nobody pulls without a token. */
export function readAuth(value: unknown, problems: string[]): Auth {
  const shut: Auth = { mode: "token", issuers: [] };
  if (value === undefined || value === "") return shut;
  const given = parseJson(value);
  if ("problem" in given) {
    problems.push(`AUTH: ${given.problem}`);
    return shut;
  }
  const parsed = authSchema.safeParse(given.value);
  if (parsed.success) return parsed.data;
  problems.push(...parsed.error.issues.flatMap((issue) => describe("AUTH", issue, "AUTH")));
  return shut;
}
