// Request headers: Cache-Control, Range, and containerd's handling of errors.

import { RegistryError } from "../../oci/error.ts";

export function isNoCache(cacheControl: string | null): boolean {
  return (cacheControl ?? "").split(",").some((directive) => /^\s*no-cache\s*$/i.test(directive));
}

/** Turns 429 into 503 for containerd, which repeats a 429 five times at once before trying the next host, but moves on at a
 * 503. Only containerd sends `?ns=`. */
export function forContainerd(error: unknown): unknown {
  if (!(error instanceof RegistryError) || error.status !== 429) return error;
  const { code, message, ...options } = error.toValue();
  return new RegistryError(code, message, { ...options, status: 503 });
}

/** The Range header, if If-Range names this representation (RFC 9110, 13.1.5). Dates are not compared, because responses have
 * none. */
export function rangeOf(request: Request, digest: string): string | undefined {
  const condition = request.headers.get("if-range");
  if (condition !== null && condition !== `"${digest}"`) return undefined;
  return request.headers.get("range") ?? undefined;
}
