// Credentials: the content of a rule's secret, parsed where it is used and never kept in a rule, a key or a message.

import { z } from "zod";
import { parseJson } from "./json.ts";
import { isSafeUrl } from "./upstream.ts";

export interface Login {
  username: string;
  password: string;
}

/** Credentials that a registry or its token service accepts as they are. */
export type RegistryCredentials = Login | { token: string };

/** An AWS access key; with a `sessionToken`, a temporary one. */
export interface AccessKey {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

/** The fields of a Google service account's key file that are used. */
export interface ServiceAccount {
  email: string;
  /** PKCS#8 in PEM. */
  privateKey: string;
  privateKeyId?: string;
  /** The OAuth token endpoint that issues its logins. */
  tokenUri: string;
}

/** Credentials that a cloud's API exchanges for a registry login (upstream/authorization/login). */
export type CloudCredentials = { accessKey: AccessKey } | { serviceAccount: ServiceAccount };

export type Credentials = RegistryCredentials | CloudCredentials;

/** Without control characters, which could end the header that holds the credentials (header injection). */
const text = z.string().regex(/^\P{Cc}+$/u, "must not be empty or have control characters");
const username = text.regex(/^[^:]*$/, "must not have a colon");

/** Printable ASCII without spaces. */
const WORD = /^[\x21-\x7e]+$/;

/** The forms that a login secret may have. */
export const loginSchemas = [
  z.strictObject({
    username: username.describe("Name of a user or a robot account."),
    password: text.describe(
      "Its password or access token. For Docker Hub, use a personal access token.",
    ),
  }),
  z
    .strictObject({
      username,
      accessToken: text.describe("The same as password, under the name that AWS uses."),
    })
    .transform(({ username, accessToken }): Login => ({ username, password: accessToken })),
  z.strictObject({
    token: text.describe("An identity token or a bearer token, without a user name."),
  }),
] as const;
const login = z.union(loginSchemas);

export const accessKeySchema = z.strictObject({
  accessKeyId: z
    .string()
    .regex(/^\w+$/)
    .describe('Id of an AWS access key, for rules with kind = "ecr".'),
  secretAccessKey: z.string().regex(WORD).describe("Secret of the same access key."),
  sessionToken: z.string().regex(WORD).exactOptional().describe("Of a temporary access key."),
});

const PEM = /^\s*-----BEGIN PRIVATE KEY-----[A-Za-z0-9+/=\s]+-----END PRIVATE KEY-----\s*$/;

const field = (pattern: RegExp, words: string) => z.string({ error: words }).regex(pattern, words);

/** A key file; its other fields are ignored. */
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

/** Reads the credentials in the secret `name`. The problem's text holds nothing of the value.
 * @param kind of the rule that names the secret: only ECR takes an AWS access key, and takes nothing else */
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
      'be an AWS access key as JSON, {"accessKeyId":"…","secretAccessKey":"…"}, with no other field, since the rule\'s kind is "ecr"',
  };
}

function readOther(value: unknown): Read {
  if (isServiceAccount(value)) {
    const parsed = serviceAccount.safeParse(value);
    if (parsed.success) return { credentials: { serviceAccount: parsed.data } };
    const [issue] = parsed.error.issues;
    const problem = `be a service account's key file as downloaded: its ${issue?.path[0]?.toString()} ${issue?.message}`;
    return { problem };
  }
  const parsed = login.safeParse(value);
  if (parsed.success) return { credentials: parsed.data };
  if (accessKeySchema.safeParse(value).success) {
    return { problem: 'not be an AWS access key: those are for rules with kind = "ecr"' };
  }
  return {
    problem:
      'be {"username":"…","password":"…"} or {"token":"…"} as JSON, with no other field, or the key file of a Google service account',
  };
}

function isServiceAccount(value: unknown): boolean {
  return z.object({ type: z.literal("service_account") }).safeParse(value).success;
}
