// That a secret which is said anywhere would be heard.

import { describe, expect, it } from "vitest";
import { newPullToken } from "../../src/access/tokens/pull-token.ts";
import { heard, listenTo } from "../support/secrets.ts";
import { ROBOT } from "../support/wire.ts";

const SECRETS = [
  ROBOT.password,
  btoa(`${ROBOT.username}:${ROBOT.password}`),
  newPullToken(),
  "eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJlbnRyZXBvdCJ9.c2lnbmF0dXJlLXNpZ25hdHVyZQ",
];

it.each([
  ["percent-encoded", encodeURIComponent(`s3cret/of+the+lasting+key+0123456789abcd`)],
  ["base64", btoa(`AWS:${ROBOT.password}`)],
  ["hex", Array.from(ROBOT.password, (one) => one.charCodeAt(0).toString(16)).join("")],
  ["JSON", "s3cret\\/of\\u002bthe+lasting+key+0123456789abcd"],
])("a secret is found in another encoding: %s", (_, text) => {
  console.log("before", { of: [text] });
  expect(heard()).toHaveLength(1);
});

describe.each(SECRETS)("a secret", (secret) => {
  it.each(["log", "info", "warn", "error", "debug"] as const)(
    "is found in the output of console.%s",
    (how) => {
      console[how]("before", { of: [secret] });
      console[how](new Error("outer", { cause: new Error(`x${secret}y`) }));
      expect(heard()).toHaveLength(2);
    },
  );

  it("is found in an answer's headers, and in a refusal", async () => {
    await listenTo(new Response(null, { headers: { "X-It": secret } }), "a");
    await listenTo(new Response(`{"message":"${secret}"}`, { status: 502 }), "b");
    expect(heard()).toEqual([
      expect.stringContaining("headers of a"),
      expect.stringContaining("answer of b"),
    ]);
  });
});
