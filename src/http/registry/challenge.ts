// Challenge: how a client is told to log in.

import { SERVICE } from "../../access/tokens/jwt.ts";
import { RegistryError } from "../../oci/error.ts";
import { isPlain, plainLogin } from "../shared/transport.ts";

/** Maximum length of `ns`, in characters; no registry host is longer. */
export const MAX_NS_LENGTH = 255;

/** The request that is challenged. */
interface Challenged {
  url: URL;
}

export function loginHint({ host }: URL): string {
  return `authentication required: docker login ${host}, with a pull token as the password`;
}

/** RFC 6750, section 3, and distribution's token specification: `service` and `scope` are the parameters for the token
 * service. */
export function unauthorized(
  { url }: Challenged,
  name: string | undefined,
  message: string,
  error?: "invalid_token" | "insufficient_scope",
): RegistryError {
  if (isPlain(url)) return plainLogin();
  const ns = url.searchParams.get("ns");
  const query = ns !== null && ns.length <= MAX_NS_LENGTH ? `?ns=${encodeURIComponent(ns)}` : "";
  const parameters = [
    `realm="${url.origin}/token${query}"`,
    `service="${SERVICE}"`,
    ...(name === undefined ? [] : [`scope="repository:${name}:pull"`]),
    ...(error ? [`error="${error}"`] : []),
  ];
  const headers = { "WWW-Authenticate": `Bearer ${parameters.join(",")}` };
  return new RegistryError("UNAUTHORIZED", message, { headers });
}

/** Refuses credentials that were presented. */
export function refused(visitor: Challenged, name: string | undefined) {
  return (why: string) => unauthorized(visitor, name, why, "invalid_token");
}
