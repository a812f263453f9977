// Credentials: what a rule's secret holds. Parsed where it is used, never kept in a rule, a key or a message.

import { z } from "zod";

/** Control characters would end the header that the credentials are put into. */
const text = z.string().regex(/^\P{Cc}+$/u, "must not be empty or have control characters");

const schema = z.union([
  z.strictObject({ username: text.regex(/^[^:]*$/, "must not have a colon"), password: text }),
  z.strictObject({ username: text.regex(/^[^:]*$/, "must not have a colon"), accessToken: text }),
  z.strictObject({ token: text }),
]);

export type Credentials = { username: string; password: string } | { token: string };

/** The credentials in the secret `name`. The problem is told in words that hold nothing of the value. */
export function readCredentials(
  env: Readonly<Record<string, unknown>>,
  name: string,
): { credentials: Credentials } | { problem: string } {
  const secret = env[name];
  if (secret === undefined || secret === "") {
    return { problem: `the secret ${name} is not set: \`npx wrangler secret put ${name}\`` };
  }
  const parsed = schema.safeParse(typeof secret === "string" ? parseJson(secret) : secret);
  if (!parsed.success) {
    return {
      problem: `the secret ${name} must be {"username":"…","password":"…"} or {"token":"…"}, as JSON and with nothing else in it`,
    };
  }
  const value = parsed.data;
  if (!("accessToken" in value)) return { credentials: value };
  return { credentials: { username: value.username, password: value.accessToken } };
}

function parseJson(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return undefined; // its message would quote the secret
  }
}
