// Conditions on the claims of an issuer's tokens: what they are, and which tell nobody's tokens from anybody else's.

/** What a claim has to be: a text, in which `*` stands for any characters, a number or a switch; one of several; or, of a claim
 * that is a table, what is in it has to be. */
export type Condition = string | number | boolean | Condition[] | { [claim: string]: Condition };

/** Every token of an issuer has these, and they are checked anyway, or are another in each token. */
const COMMON = ["iss", "aud", "exp", "iat", "nbf", "jti"];

/** Issuers that sign tokens for anybody: the claims that say whose a token is, and what each `sub` begins with. Names of branches and
 * environments (`ref`, `environment`) are the same in everybody's repositories. */
const SHARED: Readonly<Record<string, { claims: readonly string[]; begin?: string }>> = {
  // https://docs.github.com/en/actions/reference/security/oidc
  "https://token.actions.githubusercontent.com": {
    claims: [
      ...["sub", "repository", "repository_id", "repository_owner", "repository_owner_id"],
      ...["enterprise", "enterprise_id", "workflow_ref", "job_workflow_ref", "actor", "actor_id"],
    ],
    begin: "repo:",
  },
  // https://docs.gitlab.com/ci/secrets/id_token_authentication/
  "https://gitlab.com": {
    claims: [
      ...["sub", "namespace_id", "namespace_path", "project_id", "project_path"],
      ...["user_id", "user_login", "user_email", "ci_config_ref_uri"],
    ],
    begin: "project_path:",
  },
};

/** Where conditions tell nothing apart, and what is wrong with that. */
interface Vague {
  path: (string | number)[];
  problem: string;
}

/** Undefined where the conditions tell some tokens from others.
 * @param issuer as its tokens' `iss` says it */
export function vagueIn(
  issuer: string,
  conditions: Readonly<Record<string, Condition>>,
): Vague | undefined {
  const shared = SHARED[issuer.replace(/\/$/, "")];
  const telling = Object.entries(conditions).filter(([claim, condition]) =>
    shared
      ? shared.claims.includes(claim) &&
        names(condition, claim === "sub" ? shared.begin : undefined)
      : !COMMON.includes(claim) && tells(condition),
  );
  if (telling.length > 0) return voidIn(conditions);
  const by = shared
    ? `: by one of ${shared.claims.join(", ")}, with your own name at its beginning`
    : "";
  return {
    path: [],
    problem: `must tell your tokens from everybody else's of this issuer, such as { repository_owner = "acme" }${by}`,
  };
}

function voidIn(conditions: Readonly<Record<string, Condition>>): Vague | undefined {
  for (const [claim, condition] of Object.entries(conditions)) {
    const path = voidEntry(condition);
    if (path)
      return {
        path: [claim, ...path],
        problem: "meets every value, so that what stands beside it in the list counts for nothing",
      };
  }
  return undefined;
}

/** Whether tokens of others fail it. A switch alone tells nothing: `email_verified` is true of most accounts. */
function tells(condition: Condition): boolean {
  if (Array.isArray(condition)) return condition.every(tells);
  if (typeof condition === "object") return Object.values(condition).some(tells);
  if (typeof condition === "string") return /[^\s*:/@._-]/.test(condition);
  return typeof condition === "number";
}

/** Whether it begins with an owner's name or id: what begins with `repo:*` is met by a repository of anybody's.
 * @param begin of every such claim */
function names(condition: Condition, begin = ""): boolean {
  if (Array.isArray(condition)) return condition.every((one) => names(one, begin));
  if (typeof condition !== "string") return typeof condition === "number";
  const [start = ""] = condition.split("*");
  if (begin.startsWith(start) && start !== condition) return false;
  return tells(start.startsWith(begin) ? start.slice(begin.length) : start);
}

/** The place of an entry that makes the others of its list void. */
function voidEntry(condition: Condition): (string | number)[] | undefined {
  if (typeof condition !== "object") return undefined;
  const isList = Array.isArray(condition);
  for (const [key, one] of Object.entries(condition) as [string, Condition][]) {
    const place = isList ? Number(key) : key;
    if (isList && condition.length > 1 && typeof one === "string" && /^\*+$/.test(one))
      return [place];
    const within = voidEntry(one);
    if (within) return [place, ...within];
  }
  return undefined;
}
