// Credentials: what a rule's secret holds. Parsed where it is used, never kept in a rule, a key or a message.

import { z } from "zod";
import { parseJson } from "./json.ts";
import { isSafeUrl } from "./upstream.ts";

export interface Login {
  username: string;
  password: string;
}

/** What a registry, or its token service, takes as it is. */
export type RegistryCredentials = Login | { token: string };

/** An access key of AWS; with a `sessionToken`, one that was lent. */
export interface AccessKey {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

/** What counts of a Google service account's key file. */
export interface ServiceAccount {
  email: string;
  /** PKCS#8 in PEM. */
  privateKey: string;
  privateKeyId?: string;
  /** Where its logins come from. */
  tokenUri: string;
}

/** What a cloud gives logins for (upstream/login). */
export type CloudCredentials = { accessKey: AccessKey } | { serviceAccount: ServiceAccount };

export type Credentials = RegistryCredentials | CloudCredentials;

/** Control characters would end the header that the credentials are put into. */
const text = z.string().regex(/^\P{Cc}+$/u, "must not be empty or have control characters");
const username = text.regex(/^[^:]*$/, "must not have a colon");

/** Without blanks. */
const WORD = /^[\x21-\x7e]+$/;

/** Each is a secret by itself. */
export const loginSchemas = [
  z.strictObject({
    username: username.describe("Of a user or a robot account."),
    password: text.describe(
      "Its password, or an access token. Of Docker Hub: a personal access token.",
    ),
  }),
  z
    .strictObject({
      username,
      accessToken: text.describe("The same as password, under AWS' name for it."),
    })
    .transform(({ username, accessToken }): Login => ({ username, password: accessToken })),
  z.strictObject({
    token: text.describe("An identity token, or a bearer token, by itself."),
  }),
] as const;
const login = z.union(loginSchemas);

export const accessKeySchema = z.strictObject({
  accessKeyId: z
    .string()
    .regex(/^\w+$/)
    .describe('Of an access key of AWS, for rules with kind = "ecr".'),
  secretAccessKey: z.string().regex(WORD).describe("Of the same."),
  sessionToken: z.string().regex(WORD).exactOptional().describe("Of one that was lent for a time."),
});

const PEM = /^\s*-----BEGIN PRIVATE KEY-----[A-Za-z0-9+/=\s]+-----END PRIVATE KEY-----\s*$/;

const field = (pattern: RegExp, words: string) => z.string({ error: words }).regex(pattern, words);

/** The file has more in it, which is of no use here. */
const serviceAccount = z
  .object({
    type: z.literal("service_account"),
    client_email: field(WORD, "must be the account's address"),
    private_key: field(PEM, "must be a private key in PEM (PKCS#8)"),
    private_key_id: field(WORD, "must be the key's name").exactOptional(),
    token_uri: field(WORD, "must be an https:// URL").refine(isSafeUrl, "must be an https:// URL"),
  })
  .transform((file): ServiceAccount => {
    const { client_email: email, private_key: privateKey, token_uri: tokenUri } = file;
    const id = file.private_key_id;
    return { email, privateKey, tokenUri, ...(id !== undefined && { privateKeyId: id }) };
  });

export type Read = { credentials: Credentials } | { problem: string };

/** The credentials in the secret `name`. The problem is told in words that hold nothing of the value.
 * @param kind of the rule that names it: ECR's logins come of an access key, and nobody else's do */
export function readCredentials(
  env: Readonly<Record<string, unknown>>,
  name: string,
  kind: "oci" | "ecr",
): Read {
  const secret = env[name];
  if (secret === undefined || secret === "") {
    return { problem: `the secret ${name} is not set: \`npx wrangler secret put ${name}\`` };
  }
  const given = parseJson(secret);
  const value = "value" in given ? given.value : undefined;
  const read = kind === "ecr" ? readAccessKey(value) : readOther(value);
  return "problem" in read ? { problem: `the secret ${name} must ${read.problem}` } : read;
}

function readAccessKey(value: unknown): Read {
  const parsed = accessKeySchema.safeParse(value);
  if (parsed.success) return { credentials: { accessKey: parsed.data } };
  return {
    problem:
      'be an access key of AWS, {"accessKeyId":"…","secretAccessKey":"…"}, as JSON and with nothing else in it, as the rule\'s kind is "ecr"',
  };
}

function readOther(value: unknown): Read {
  if (isServiceAccount(value)) {
    const parsed = serviceAccount.safeParse(value);
    if (parsed.success) return { credentials: { serviceAccount: parsed.data } };
    const [issue] = parsed.error.issues;
    const problem = `be a service account's key file as it was downloaded: its ${issue?.path[0]?.toString()} ${issue?.message}`;
    return { problem };
  }
  const parsed = login.safeParse(value);
  if (parsed.success) return { credentials: parsed.data };
  if (accessKeySchema.safeParse(value).success) {
    return { problem: 'not be an access key of AWS: those are for rules with kind = "ecr"' };
  }
  return {
    problem:
      'be {"username":"…","password":"…"} or {"token":"…"}, as JSON and with nothing else in it, or the key file of a Google service account',
  };
}

function isServiceAccount(value: unknown): boolean {
  return z.object({ type: z.literal("service_account") }).safeParse(value).success;
}
