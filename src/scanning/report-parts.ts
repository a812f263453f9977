// Parts of scanners' reports, read within bounds: texts, severities, digests and times.

import { rankOf, SEVERITIES, type Severity } from "../config/severity.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import { isObject } from "../oci/json.ts";
import type { Vulnerability } from "../policy/verdict.ts";
import { plain } from "../text/plain.ts";

/** Maximum number of vulnerabilities of a report: images with outdated distributions have some thousand. */
export const MAX_VULNERABILITIES = 20_000;
/** Maximum number of entries, of which several may be about one vulnerability. */
export const MAX_ENTRIES = 100_000;
const MAX_ID = 128;
const MAX_WORD = 200;

/** A report that cannot be used; the message is a sentence for the person who sent it. */
export class InvalidReport extends Error {
  override readonly name = "InvalidReport";
}

export type Fields = Record<string, unknown>;

export function fieldsIn(value: unknown): Fields {
  return isObject(value) ? value : {};
}

export function listIn(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A list that a report may leave out or set to null. Throws for any other value: a report in another form must not count as clean. */
export function optionalList(value: unknown, path: string): unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw new InvalidReport(`the report's ${path} is not a list`);
}

/** The text without surrounding space, made printable; "" for other values. */
export function textIn(value: unknown, max = MAX_WORD): string {
  return typeof value === "string" ? plain(value, max).trim() : "";
}

export function severityIn(value: unknown): Severity {
  const word = textIn(value).toLowerCase();
  return SEVERITIES.find((severity) => severity === word) ?? "unknown";
}

export function timeIn(value: unknown): number | undefined {
  const time = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isFinite(time) && time > 0 ? time : undefined;
}

export function digestIn(value: unknown): Digest | undefined {
  return typeof value === "string" && isDigest(value) ? value : undefined;
}

/** Digests of references such as `docker.io/library/alpine@sha256:…`. */
export function digestsOf(references: unknown): Digest[] {
  const found = listIn(references).map((one) =>
    digestIn(typeof one === "string" ? one.slice(one.lastIndexOf("@") + 1) : undefined),
  );
  return [...new Set(found.filter((digest) => digest !== undefined))];
}

/** Collects a report's vulnerabilities, each package's once, at its worst. Throws InvalidReport beyond the bounds. */
export class Collected {
  readonly #found = new Map<string, Vulnerability>();
  #entries = 0;

  add(given: Vulnerability): void {
    const id = textIn(given.id, MAX_ID);
    // Attack: `__proto__`, under which an object keeps no value.
    if (!/^[a-z\d][\w.:+-]*$/i.test(id))
      throw new InvalidReport(
        "a vulnerability of the report has no id, or one that does not begin with a letter or digit or has other characters than letters, digits and . _ : + -",
      );
    this.#entries += 1;
    if (this.#entries > MAX_ENTRIES)
      throw new InvalidReport(`the report has more than ${MAX_ENTRIES} entries`);
    const key = JSON.stringify([id, given.package, given.version]);
    const before = this.#found.get(key);
    if (!before && this.#found.size >= MAX_VULNERABILITIES)
      throw new InvalidReport(`the report has more than ${MAX_VULNERABILITIES} vulnerabilities`);
    this.#found.set(key, before ? worseOf(before, { ...given, id }) : { ...given, id });
  }

  list(): Vulnerability[] {
    return [...this.#found.values()];
  }
}

/** One that is fixable, or may be, is worse than one of the same severity that is not. */
function worseOf(one: Vulnerability, other: Vulnerability): Vulnerability {
  const worse = rankOf(other.severity) > rankOf(one.severity) ? other : one;
  const fixable = [one, other].find(({ fixable }) => fixable !== false);
  if (!fixable) return worse;
  const { fixable: _, fixedBy: __, ...rest } = worse;
  return {
    ...rest,
    ...(fixable.fixedBy !== undefined && { fixedBy: fixable.fixedBy }),
    ...(fixable.fixable !== undefined && { fixable: fixable.fixable }),
  };
}

/** The members of a vulnerability that say whether there is a fix.
 * @param version that fixes it; "" for none @param otherwise whether there is a fix where no version is given; undefined: not known */
export function fixOf(
  version: string,
  otherwise: boolean | undefined,
): Pick<Vulnerability, "fixable" | "fixedBy"> {
  if (version !== "") return { fixedBy: version, fixable: true };
  return otherwise === undefined ? {} : { fixable: otherwise };
}
