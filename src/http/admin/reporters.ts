// Authentication of scanners, for `PUT /api/verdicts/{digest}` and nothing else: by SCANNER_TOKEN, or by a token of SCANNERS.

import { isSame } from "../../access/administrators.ts";
import { SHORTEST_SECRET } from "../../config/auth.ts";
import type { Scanner } from "../../config/scanners.ts";

/** A scanner that may report. */
export interface Reporter {
  /** Who reports, as verdicts name it. */
  who: string;
  /** Its name in SCANNERS; undefined for SCANNER_TOKEN, whose reports are kept under their tool's name. */
  name?: string;
  /** Globs over names; undefined for all. */
  repositories?: readonly string[];
}

const PATH = /^\/api\/verdicts\/[^/]+$/;

export class Reporters {
  readonly #variables: Readonly<Record<string, unknown>>;
  readonly #reporters = new WeakMap<Request, Reporter>();

  constructor(variables: Readonly<Record<string, unknown>>) {
    this.#variables = variables;
  }

  /** Whether the request is a report with a scanner's token. Any other request is an administrator's. */
  admits(request: Request, scanners: readonly Scanner[]): boolean {
    if (request.method !== "PUT" || !PATH.test(new URL(request.url).pathname)) return false;
    const authorization = request.headers.get("authorization") ?? "";
    const given = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
    if (given === undefined) return false;
    const known: [secret: string, reporter: Reporter][] = [
      ...scanners.map(({ token, name, repositories }): [string, Reporter] => [
        token,
        { who: `the scanner ${name}`, name, ...(repositories && { repositories }) },
      ]),
      ["SCANNER_TOKEN", { who: "SCANNER_TOKEN" }],
    ];
    // All are compared, so that the duration does not reveal which secret matches.
    const found = known.filter(([secret]) => this.#is(given, secret))[0];
    if (found) this.#reporters.set(request, found[1]);
    return found !== undefined;
  }

  /** The scanner of a request that was admitted; undefined for an administrator's. */
  reporter(request: Request): Reporter | undefined {
    return this.#reporters.get(request);
  }

  /** A secret that is missing, or short enough to be guessed, admits no request. */
  #is(given: string, name: string): boolean {
    const secret = this.#variables[name];
    return typeof secret === "string" && secret.length >= SHORTEST_SECRET && isSame(given, secret);
  }
}
