// Conditions on the claims of an issuer's tokens: their type, and which of them would accept tokens of strangers.

/** A condition on one claim: a string, in which `*` matches any characters, a number or a boolean; a list of alternatives; or, for a
 * claim that is an object, conditions on its members. */
export type Condition = string | number | boolean | Condition[] | { [claim: string]: Condition };

/** Claims of every token, which are checked anyway or differ in each token: conditions on them select nothing. */
const COMMON = ["iss", "aud", "exp", "iat", "nbf", "jti"];

/** An id or a name in full: `acme*` would match `acme-evil`, which anybody may register, and `1*` a tenth of all ids. */
const WHOLE = /^[^\s*:/@._-][^\s*]*$/;
/** An owner's name in full, then what belongs to that owner. */
const UNDER = /^[^\s*:/]+\//;

/** Issuers that sign tokens for any customer: the claims that identify a token's owner, and how conditions on them must begin. Left out
 * are names of branches and environments, which are the same in every repository; who started a job (`actor`, `user_login`), since that
 * can be a member's comment in a stranger's repository; and a called workflow (`job_workflow_ref`), since anybody may call it. */
const SHARED: Readonly<Record<string, Readonly<Record<string, RegExp>>>> = {
  // https://docs.github.com/en/actions/reference/security/oidc
  "https://token.actions.githubusercontent.com": {
    // Each repository chooses the claims that its `sub` is made of: `environment:production` may come from any of them.
    sub: /^(repo|repository|workflow_ref):[^\s*:/]+\/|^(repository_id|repository_owner|repository_owner_id|enterprise|enterprise_id):[^\s*:]+(:|$)/,
    repository: UNDER,
    repository_id: WHOLE,
    repository_owner: WHOLE,
    repository_owner_id: WHOLE,
    enterprise: WHOLE,
    enterprise_id: WHOLE,
    workflow_ref: UNDER,
  },
  // https://docs.gitlab.com/ci/secrets/id_token_authentication/
  "https://gitlab.com": {
    sub: /^project_path:[^\s*:/]+\/|^project_id:[^\s*:]+(:|$)/,
    namespace_id: WHOLE,
    namespace_path: /^[^\s*:/]+(\/|$)/,
    project_id: WHOLE,
    project_path: UNDER,
    ci_config_ref_uri: /^gitlab\.com\/[^\s*:/]+\//,
  },
};

/** A condition that accepts too much: its path, and the problem in words. */
interface Vague {
  path: (string | number)[];
  problem: string;
}

/** Finds a condition that would accept tokens of strangers; undefined if there is none.
 * @param issuer the value of its tokens' `iss` */
export function vagueIn(
  issuer: string,
  conditions: Readonly<Record<string, Condition>>,
): Vague | undefined {
  const shared = SHARED[issuer.replace(/\/$/, "")];
  const selective = Object.entries(conditions).filter(([claim, condition]) => {
    if (!shared) return !COMMON.includes(claim) && isSelective(condition);
    const own = Object.hasOwn(shared, claim) ? shared[claim] : undefined;
    return own !== undefined && namesOwner(condition, own);
  });
  if (selective.length > 0) return findVoid(conditions);
  const by = shared
    ? `: use one of ${Object.keys(shared).join(", ")}, beginning with your own full name or id; * is allowed only after it`
    : "";
  return {
    path: [],
    problem: `must distinguish your tokens from all others of this issuer, such as { repository_owner = "acme" }${by}`,
  };
}

function findVoid(conditions: Readonly<Record<string, Condition>>): Vague | undefined {
  for (const [claim, condition] of Object.entries(conditions)) {
    const path = voidEntry(condition);
    if (path)
      return {
        path: [claim, ...path],
        problem: "matches every value, so that the other entries of the list have no effect",
      };
  }
  return undefined;
}

/** Whether tokens of others fail the condition. A boolean does not suffice: `email_verified` is true of most accounts. */
function isSelective(condition: Condition): boolean {
  if (Array.isArray(condition)) return condition.every(isSelective);
  if (typeof condition === "object") return Object.values(condition).some(isSelective);
  if (typeof condition === "string") return /[^\s*:/@._-]/.test(condition);
  return typeof condition === "number";
}

/** Whether the condition names the tokens' owner. @param own matches the beginning of a string that does */
function namesOwner(condition: Condition, own: RegExp): boolean {
  if (Array.isArray(condition)) return condition.every((one) => namesOwner(one, own));
  return typeof condition === "number" || (typeof condition === "string" && own.test(condition));
}

/** Path of a list entry that makes the others of its list void: one of `*` alone. */
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
