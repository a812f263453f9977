// The fixtures' secrets, none of which may be in what the house says: the logs of every test are looked through, and the answers.

import { inject } from "vitest";
import { containsForm, repeats, searchForms } from "../../src/text/repeated.ts";
import { ACCESS_KEYS, ROBOT } from "./wire.ts";

const SECRETS = [
  ROBOT.password,
  btoa(`${ROBOT.username}:${ROBOT.password}`),
  ...Object.values(ACCESS_KEYS).map(({ secretAccessKey }) => secretAccessKey),
  ...[ACCESS_KEYS.lent, ACCESS_KEYS.expired].map(({ sessionToken }) => sessionToken),
  "an-identity-token",
  "s3cret",
  // Any line of the service account's key.
  ...inject("serviceAccount")
    .private_key.split("\n")
    .filter((line) => /^[\w+/=]{40,}$/.test(line)),
  "an-admin-token-of-the-tests-0123",
  // The key of webhooks (support/webhooks.ts), as the secret is and as it signs.
  "whsec_YS1zaWduaW5nLWtleS1vZi10aGUtdGVzdHM=",
  "a-signing-key-of-the-tests",
  "a-viewer-token-of-the-tests-0123",
  "a-scanner-token-of-the-tests-012",
  "a-token-of-the-scanner-of-acme-1",
];
const FORMS = searchForms(SECRETS);
/** A pull token, and a JWT. */
const TOKENS = /entrepot_[0-9A-Za-z]{49}|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}/;

/** @returns the secret that is in a text, in whatever writing, but for its end; undefined where there is none */
export function secretIn(text: string): string | undefined {
  // All of them at once: the text is decoded once.
  const isRepeated = containsForm(text, FORMS);
  const found = isRepeated
    ? SECRETS.find((secret) => repeats(text, [secret]))
    : TOKENS.exec(text)?.[0];
  return found && `${found.slice(0, 12)}…`;
}

const leaks: string[] = [];

/** Notes a secret that was said, for the test that is running to fail. */
export function listen(where: string, text: string): void {
  const secret = secretIn(text);
  if (secret !== undefined) leaks.push(`${where}: ${secret} in ${text.slice(0, 200)}`);
}

/** What an answer says: its headers, and the text of a refusal. */
export async function listenTo(response: Response, url: string): Promise<Response> {
  // A browser's session is given to it by a cookie, by that one answer.
  const isSession = (name: string) => name === "set-cookie" && new URL(url).pathname === "/sign-in";
  const headers = [...response.headers].filter(([name]) => !isSession(name));
  listen(`headers of ${url}`, JSON.stringify(headers));
  if (response.status < 400) return response;
  const bytes = await response.arrayBuffer();
  listen(`answer of ${url}`, new TextDecoder().decode(bytes));
  return new Response(bytes.byteLength === 0 ? null : bytes, response);
}

/** What a console prints of a value. */
export function textOf(value: unknown): string {
  if (value instanceof Error) return `${value.stack} ${textOf(value.cause ?? "")}`;
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

/** What was heard since, which then fails no test. */
export function heard(): string[] {
  return leaks.splice(0);
}
