// Token service (distribution's token specification): `GET /token` with Basic credentials, and `POST /token` with an OAuth2 form.

import type { AuthenticatedClient } from "../../access/authenticate.ts";
import type { AccessServices } from "../../access/services.ts";
import { ANONYMOUS, issue, LIFE } from "../../access/tokens/jwt.ts";
import { signRefreshToken } from "../../access/tokens/refresh-token.ts";
import type { Config } from "../../config/read.ts";
import { RegistryError } from "../../oci/error.ts";
import { type Access, accessTo, type Target, targetOf } from "../../policy/authorize.ts";
import { answerJson } from "../shared/answers.ts";
import { addressOf, type RegistryAuth, type Visitor } from "./registry-auth.ts";
import { parseTokenRequest, type Scope } from "./token-request.ts";

type TokenRequest = Scope & { target: Target };

/** Throws UNAUTHORIZED (401) for missing or invalid credentials, UNSUPPORTED (400) for an invalid request, and TOOMANYREQUESTS
 * (429). */
export async function answerToken(
  config: Config,
  accessServices: AccessServices,
  registryAuth: RegistryAuth,
  visitor: Visitor,
): Promise<Response> {
  const { url, request } = visitor;
  const wanted = await parseTokenRequest(request, url);
  const ns = url.searchParams.get("ns") ?? undefined;
  const address = addressOf(request);
  const requested = wanted.scopes.map((scope): TokenRequest => {
    const naming = { name: scope.name, host: url.host, ns };
    return { ...scope, target: targetOf(config, naming, address) };
  });
  const client = await authenticateClient(registryAuth, wanted.secret, requested, visitor);
  const given = requested.filter(isPull).map((one) => givenOf(one, client));
  // A token that opts out of keeping images alive is honoured even where no login is required.
  const touches = client
    ? client.touches !== false
    : await registryAuth.touches(visitor, wanted.secret);
  return answer(accessServices, visitor, { client, touches, given, offline: wanted.offline });
}

/** Authenticates the client; undefined for an anonymous client if some requested repository is open to it. */
async function authenticateClient(
  registryAuth: RegistryAuth,
  secret: string | undefined,
  requested: readonly TokenRequest[],
  visitor: Visitor,
): Promise<AuthenticatedClient | undefined> {
  // Docker's daemon sends a mirror the credentials of the mirrored registry. If no login is required, they are ignored.
  if (requested.length > 0 && requested.every(({ target }) => target.free)) {
    await registryAuth.free(visitor);
    return undefined;
  }
  const asker = await registryAuth.tokenAsker(visitor, secret);
  // An access token issued here cannot be exchanged for another.
  if (asker.who === "client" && asker.identity.kind === "holder") return asker;
  if (asker.who === "anonymous" && requested.some(({ target }) => target.free)) return undefined;
  throw new RegistryError(
    "UNAUTHORIZED",
    "authentication required: send a pull token or an issuer's token as the password",
    {
      headers: { "WWW-Authenticate": 'Basic realm="entrepot"' },
    },
  );
}

/** A requested scope, with what is granted of it. */
interface Given {
  name: string;
  /** Whether the client may pull it, by its token or its network. */
  isOpen: boolean;
  /** The access claim of the issued token. */
  access?: Access;
}

/** What an issued token says. */
interface Grant {
  /** Undefined for an anonymous client. */
  client: AuthenticatedClient | undefined;
  /** Whether the client's requests keep images from expiring. */
  touches: boolean;
  given: readonly Given[];
  /** Whether a refresh token is requested. */
  offline: boolean;
}

function isPull({ actions }: TokenRequest): boolean {
  return actions.includes("pull") || actions.includes("*");
}

function givenOf({ name, target }: TokenRequest, client: AuthenticatedClient | undefined): Given {
  const access = accessTo(client?.identity ?? { kind: "anonymous" }, name, target);
  const isOpen = target.free || (access?.actions.length ?? 0) > 0;
  return { name, isOpen, ...(access && { access }) };
}

async function answer(
  accessServices: AccessServices,
  { request, now, later }: Visitor,
  { client, touches, given, offline }: Grant,
): Promise<Response> {
  const { subject = ANONYMOUS, networks = [], tokenId, expiresAt } = client ?? {};
  const left = expiresAt === undefined ? LIFE : Math.floor((expiresAt - now) / 1000);
  const life = Math.max(1, Math.min(LIFE, left));
  const access = given.flatMap((one) => one.access ?? []);
  const made = tokenId !== undefined && { tokenId };
  const claims = {
    subject,
    networks,
    access,
    ...made,
    ...(!touches && { touches: false as const }),
  };
  const page = await accessServices.snapshot.page(now, later);
  const { token, issuedAt } = await issue(claims, life, page, now);
  const refresh_token =
    offline && tokenId !== undefined
      ? await signRefreshToken(tokenId, expiresAt, page, now)
      : undefined;
  const open = given.filter(({ isOpen }) => isOpen);
  return answerJson({
    ...(request.method === "GET" && { token }),
    access_token: token,
    token_type: "Bearer",
    expires_in: life,
    issued_at: new Date(issuedAt * 1000).toISOString(),
    scope: open.map(({ name }) => `repository:${name}:pull`).join(" "),
    ...(refresh_token !== undefined && { refresh_token }),
  });
}
