// The token service: Docker's token specification (GET) and its OAuth2 variant (POST).

import { ROBOT, SERVICE } from "../wire.ts";
import { basicOf } from "./accounts.ts";
import { type Answer, json, refusal } from "./answer.ts";
import { repositoryOf, scopesOf } from "./route.ts";
import type { State } from "./state.ts";

export interface TokenRequest {
  method: string;
  /** The query of GET, the form of POST. */
  parameters: URLSearchParams;
  authorization: string | undefined;
}

export function token(state: State, request: TokenRequest): Answer {
  const { method, parameters } = request;
  const { only } = state.accounts.settingsFor(repositoryOf(parameters));
  if ((method !== "GET" && method !== "POST") || (only ?? method) !== method) {
    return refusal(405, "UNSUPPORTED", { allow: only ?? "GET, POST" });
  }
  // A service torn at its comma is a parser's mistake that must be seen.
  if (parameters.get("service") !== SERVICE) return json(400, { details: "unknown service" });
  return method === "GET" ? byGet(state, request) : byPost(state, request);
}

function byGet(state: State, { parameters, authorization }: TokenRequest): Answer {
  const account = basicOf(authorization);
  if (authorization !== undefined && state.logins.check(account, Date.now()) !== "ok")
    return json(401, { details: "incorrect username or password" });
  return grant(
    state,
    parameters,
    account !== undefined,
    parameters.get("offline_token") === "true",
  );
}

function byPost(state: State, { parameters }: TokenRequest): Answer {
  const oauth = (status: number, error: string) => json(status, { error });
  const offline = parameters.get("access_type") === "offline";
  if (!parameters.get("client_id")) return oauth(400, "invalid_request");
  switch (parameters.get("grant_type")) {
    case "password": {
      const [username, password] = [parameters.get("username"), parameters.get("password")];
      if (username !== ROBOT.username || password !== ROBOT.password)
        return oauth(401, "invalid_grant");
      return grant(state, parameters, true, offline);
    }
    case "refresh_token":
      if (!state.accounts.isRefresh(parameters.get("refresh_token")))
        return oauth(401, "invalid_grant");
      return grant(state, parameters, true, offline);
    default:
      return oauth(400, "unsupported_grant_type");
  }
}

function grant(
  state: State,
  parameters: URLSearchParams,
  robot: boolean,
  offline: boolean,
): Answer {
  const settings = state.accounts.settingsFor(repositoryOf(parameters));
  const { field = "token", expiresIn = 300, lifetime = expiresIn ?? 60, issuedAt } = settings;
  const scopes = scopesOf(parameters);
  return json(200, {
    [field]: state.accounts.issue(scopes, robot, lifetime, Date.now()),
    ...(expiresIn !== null && { expires_in: expiresIn }),
    ...(issuedAt !== undefined && { issued_at: issuedAt }),
    ...(offline && robot && { refresh_token: state.accounts.issueRefresh() }),
    scope: scopes.join(" "),
    ...settings.over,
  });
}
