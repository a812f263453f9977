// The query of a request to the API: what is not known is refused, since it would be taken for heeded.

import { RegistryError } from "../oci/error.ts";

/** Throws (400) for a parameter that is not one of these. */
export function only({ url }: Request, names: readonly string[]): URLSearchParams {
  const query = new URL(url).searchParams;
  for (const name of query.keys()) {
    if (!names.includes(name))
      throw bad(`there is no parameter "${name.slice(0, 64)}" here, only ${names.join(", ")}`);
  }
  return query;
}

export function flagIn(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  if (value === null || value === "false" || value === "0") return false;
  if (value === "true" || value === "1" || value === "") return true;
  throw bad(`${name} must be true or false`);
}

export function numberIn(
  query: URLSearchParams,
  name: string,
  usual: number,
  most: number,
): number {
  const text = query.get(name);
  if (text === null) return usual;
  const number = /^\d{1,16}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > most) throw bad(`${name} must be a number from 1 to ${most}`);
  return number;
}

function bad(message: string): RegistryError {
  return new RegistryError("UNSUPPORTED", message, { status: 400 });
}
