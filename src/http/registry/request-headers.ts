// What of a client's headers is heeded, and what a client makes of our answers.

import { RegistryError } from "../../oci/error.ts";

export function isNoCache(cacheControl: string | null): boolean {
  return (cacheControl ?? "").split(",").some((directive) => /^\s*no-cache\s*$/i.test(directive));
}

/** containerd asks a host again five times at once after a 429, and only then goes on to the next; after a 503 it goes
 * on. Only containerd sends `?ns=`. */
export function forContainerd(error: unknown): unknown {
  if (!(error instanceof RegistryError) || error.status !== 429) return error;
  const { code, message, ...options } = error.toValue();
  return new RegistryError(code, message, { ...options, status: 503 });
}

/** A range counts only for the representation that If-Range names (RFC 9110, 13.1.5); there is no date to compare. */
export function rangeOf(request: Request, digest: string): string | undefined {
  const condition = request.headers.get("if-range");
  if (condition !== null && condition !== `"${digest}"`) return undefined;
  return request.headers.get("range") ?? undefined;
}
