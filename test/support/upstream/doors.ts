// The doors: what a server demands of a request before the registry answers it.

import type { IncomingMessage } from "node:http";
import { SERVICE, type Server } from "../wire.ts";
import { basicOf, pullScope } from "./accounts.ts";
import { type Answer, refusal } from "./answer.ts";
import { isSigned } from "./redirects.ts";
import type { Asked } from "./route.ts";
import type { State } from "./state.ts";

/** The refusal, or undefined for a request that may pass. */
export function door(
  state: State,
  server: Server,
  asked: Asked,
  { method, headers: { authorization } }: IncomingMessage,
): Answer | undefined {
  switch (server) {
    case "bearer":
      return bearer(state, asked, authorization);
    case "basic":
      return basic(state, authorization);
    case "cdn":
      // S3 and its like answer 400 to a signed address that comes with another kind of authorization too.
      if (authorization !== undefined)
        return refusal(400, "UNSUPPORTED", {}, "only one authorization is allowed");
      return isSigned(asked.url, method)
        ? undefined
        : refusal(403, "DENIED", {}, "the signature does not match");
    default:
      return undefined;
  }
}

function basic(state: State, authorization: string | undefined): Answer | undefined {
  const account = basicOf(authorization);
  const verdict = state.logins.check(account, Date.now());
  if (verdict === "ok") return undefined;
  if (verdict === "over" && account?.username === "AWS") {
    const message = "Your authorization token has expired. Reauthenticate and try again.";
    return refusal(403, "DENIED", {}, message); // as ECR does
  }
  return refusal(401, "UNAUTHORIZED", { "www-authenticate": 'Basic realm="fixture"' });
}

function bearer(
  state: State,
  { repository }: Asked,
  authorization: string | undefined,
): Answer | undefined {
  const verdict = state.accounts.check(authorization, repository, Date.now());
  if (verdict === "ok") return undefined;
  const parameters = [
    `realm="http://127.0.0.1:${state.ports.token}/token"`,
    `service="${SERVICE}"`,
  ];
  if (repository !== "") parameters.push(`scope="${pullScope(repository)}"`);
  if (authorization !== undefined) parameters.push(`error="${verdict}"`);
  return refusal(401, "UNAUTHORIZED", { "www-authenticate": `Bearer ${parameters.join(",")}` });
}
