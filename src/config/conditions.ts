// Conditions on the claims of an issuer's tokens: what they are, and which tell nobody's tokens from anybody else's.

/** What a claim has to be: a text, in which `*` stands for any characters, a number or a switch; one of several; or, of a claim
 * that is a table, what is in it has to be. */
export type Condition = string | number | boolean | Condition[] | { [claim: string]: Condition };

/** Every token of an issuer has these, and they are checked anyway, or are another in each token. */
const COMMON = ["iss", "aud", "exp", "iat", "nbf", "jti"];

/** An id or a name, in full: `acme*` is met by `acme-evil`, which anybody may register, and `1*` by a tenth of all ids. */
const WHOLE = /^[^\s*:/@._-][^\s*]*$/;
/** An owner's name in full, and what is that owner's. */
const UNDER = /^[^\s*:/]+\//;

/** Issuers that sign tokens for anybody: the claims that say whose a token is, and what conditions on them begin with. Not among them are
 * names of branches and environments, which are the same in everybody's repositories; who started a job (`actor`, `user_login`), since
 * that can be a member's comment in a stranger's repository; and a called workflow (`job_workflow_ref`), since anybody may call it. */
const SHARED: Readonly<Record<string, Readonly<Record<string, RegExp>>>> = {
  // https://docs.github.com/en/actions/reference/security/oidc
  "https://token.actions.githubusercontent.com": {
    // Which claims it is made of is up to each repository: `environment:production` may be anybody's.
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
  const telling = Object.entries(conditions).filter(([claim, condition]) => {
    if (!shared) return !COMMON.includes(claim) && tells(condition);
    const own = Object.hasOwn(shared, claim) ? shared[claim] : undefined;
    return own !== undefined && names(condition, own);
  });
  if (telling.length > 0) return voidIn(conditions);
  const by = shared
    ? `: by one of ${Object.keys(shared).join(", ")}, with your own name or id at its beginning, in full: * may stand behind that alone`
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

/** Whether it names whose the tokens are. @param own what a text that does so begins with */
function names(condition: Condition, own: RegExp): boolean {
  if (Array.isArray(condition)) return condition.every((one) => names(one, own));
  return typeof condition === "number" || (typeof condition === "string" && own.test(condition));
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
