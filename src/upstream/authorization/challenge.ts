// WWW-Authenticate (RFC 7235, 2.1 and 4.1): several challenges in one header, each a scheme with parameters, whose
// quoted values may hold commas, equal signs and escaped quotes.

export interface Challenge {
  /** Lower case. */
  scheme: string;
  /** Names are lower case. A token68 (as in `Negotiate abc=`) has no name and is left out. */
  parameters: ReadonlyMap<string, string>;
}

const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
const TOKEN68 = /[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))/y;
const BLANK = /[ \t]*/y;
const SCHEME_END = /[ \t]+|(?=,|$)/y;
const SEPARATOR = /[ \t,]*/y;

/** Parses up to the first malformed part: half a header is still worth an answer. */
export function parseChallenges(header: string | null): Challenge[] {
  const text = header ?? "";
  const challenges: Challenge[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match) at = pattern.lastIndex;
    return match;
  };
  /** "none": something else begins here; "torn": a parameter begins here but is malformed. */
  const takeParameter = (): [string, string] | "none" | "torn" => {
    const start = at;
    const name = take(TOKEN)?.[0].toLowerCase();
    take(BLANK);
    if (name === undefined || text[at] !== "=") {
      at = start;
      return "none";
    }
    at += 1;
    take(BLANK);
    const quoted = take(QUOTED);
    const value = quoted ? quoted[1]?.replace(/\\(.)/g, "$1") : take(TOKEN)?.[0];
    return value === undefined ? "torn" : [name, value];
  };

  for (;;) {
    take(SEPARATOR);
    const scheme = take(TOKEN)?.[0].toLowerCase();
    if (scheme === undefined || !take(SCHEME_END)) return challenges;
    const parameters = new Map<string, string>();
    challenges.push({ scheme, parameters });
    if (take(TOKEN68)) continue;
    for (;;) {
      take(SEPARATOR);
      const parameter = takeParameter();
      if (parameter === "torn") return challenges;
      if (parameter === "none") break;
      parameters.set(...parameter);
    }
  }
}

/** Chooses the challenge to answer: Bearer before Basic.
 * @param hasLogin whether there are credentials for Basic */
export function challengeIn(header: string | null, hasLogin: boolean): Challenge | undefined {
  const challenges = parseChallenges(header);
  const bearer = challenges.find(({ scheme }) => scheme === "bearer");
  return bearer ?? (hasLogin ? challenges.find(({ scheme }) => scheme === "basic") : undefined);
}
