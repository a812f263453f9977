// AUTH, field by field: what it becomes, and how a bad one is told; and what the rules say of who may pull.

import { describe, expect, it } from "vitest";
import { isWithin } from "../../src/config/network.ts";
import { readConfig } from "../../src/config/read.ts";
import { GOOD, problemsOf, ruleOf } from "./rules.ts";

const authOf = (AUTH: unknown) => readConfig({ RULES: [GOOD], AUTH }).auth;
const wrong = (AUTH: unknown) => problemsOf({ RULES: [GOOD], AUTH });
const ISSUER = {
  issuer: "https://token.actions.githubusercontent.com",
  audience: "entrepot",
  claims: { repository_owner: "acme" },
  repositories: ["**"],
};
const issuer = (more: object) => ({ issuers: [{ ...ISSUER, ...more }] });
const TEAM = {
  team: "https://acme.cloudflareaccess.com",
  audience: "aud",
  admins: ["*@acme.example"],
};

const GITLAB = { issuer: "https://gitlab.com" };
const COMPANY = { issuer: "https://issuer.acme.example" };
/** Conditions that tokens of others meet too. */
const VAGUE: [what: string, claims: object, path: string, issuer?: object][] = [
  ["any text", { team: "*" }, "", COMPANY],
  ["any text, twice", { team: "**", sub: "***" }, "", COMPANY],
  ["any text with a colon", { sub: "*:*" }, "", COMPANY],
  ["any path", { sub: "*/*" }, "", COMPANY],
  ["any address", { email: "*@*" }, "", COMPANY],
  ["blanks", { team: " " }, "", COMPANY],
  ["what is checked anyway", { iss: COMPANY.issuer, aud: "entrepot" }, "", COMPANY],
  ["times", { exp: 1, iat: 2, nbf: 3 }, "", COMPANY],
  ["an id of the token's own", { jti: "x" }, "", COMPANY],
  ["a switch", { email_verified: true }, "", COMPANY],
  ["any text, within a table", { kubernetes: { namespace: "*" } }, "", COMPANY],
  ["a list with any text", { team: ["*"] }, "", COMPANY],
  ["an empty list", { team: [] }, ".team", COMPANY],
  ["an empty table", { team: {} }, ".team", COMPANY],
  ["an empty text", { team: "" }, ".team", COMPANY],
  ["a list that any text stands in", { team: ["acme", "*"] }, "", COMPANY],
  ["the same, within a table", { a: { b: ["acme", "**"] } }, "", COMPANY],
  [
    "the same, within a table, beside a good one",
    { team: "acme", a: { b: ["acme", "**"] } },
    ".a.b[1]",
    COMPANY,
  ],
  ["the same, beside a good one", { team: "acme", sub: ["x", "*"] }, ".sub[1]", COMPANY],
  // Of GitHub's, which are everybody's.
  ["any repository", { sub: "repo:*" }, ""],
  ["a pattern that ends before the owner", { sub: "rep*" }, ""],
  ["anybody's repository of a name", { sub: "repo:*/app:*" }, ""],
  ["anybody's main branch", { sub: "repo:*:ref:refs/heads/main" }, ""],
  ["a branch", { ref: "refs/heads/main" }, ""],
  ["an environment", { environment: "production", repository_visibility: "private" }, ""],
  ["anybody's repository", { repository: "*/app" }, ""],
  ["one owner or another", { repository_owner: ["acme", "*x"] }, ""],
  ["owners whose names begin so", { repository_owner: "acme*" }, ""],
  ["the same, of which one is named", { repository_owner: ["acme", "acme-*"] }, ""],
  ["a tenth of all owners", { repository_owner_id: "1*" }, ""],
  ["a tenth of all repositories", { repository_id: "1*" }, ""],
  ["repositories of owners whose names begin so", { repository: "acme*/app" }, ""],
  ["the same, as subjects", { sub: "repo:acme*" }, ""],
  ["the same, of one repository's name", { sub: "repo:acme*/app:*" }, ""],
  ["a subject that any repository may have", { sub: "environment:production" }, ""],
  ["the same, of a branch", { sub: "ref:refs/heads/main" }, ""],
  ["the same, of a workflow that anybody may call", { sub: "job_workflow_ref:acme/*" }, ""],
  ["a subject with an owner whose name begins so", { sub: "repository_owner:acme*" }, ""],
  ["a subject without what it is made of", { sub: "acme/app" }, ""],
  ["who started it, in anybody's repository", { actor: "ann", actor_id: "1" }, ""],
  [
    "a workflow that anybody may call",
    { job_workflow_ref: "acme/workflows/.github/workflows/build.yml@*" },
    "",
  ],
  ["a workflow of owners whose names begin so", { workflow_ref: "acme*" }, ""],
  // Of GitLab's.
  ["who started it, in anybody's project", { user_login: "ann", user_email: "a@b.c" }, "", GITLAB],
  ["groups whose names begin so", { namespace_path: "acme*" }, "", GITLAB],
  ["projects of groups whose names begin so", { project_path: "acme*/app" }, "", GITLAB],
  ["the same, as subjects", { sub: "project_path:acme*" }, "", GITLAB],
  ["a tenth of all projects", { project_id: "1*" }, "", GITLAB],
  ["anybody's pipelines", { ci_config_ref_uri: "gitlab.com/*" }, "", GITLAB],
  ["any project", { sub: "project_path:*" }, "", GITLAB],
  ["a protected branch", { ref_protected: "true", ref: "main" }, "", GITLAB],
  ["any project, with a slash", { sub: "project_path:*" }, "", { issuer: "https://gitlab.com/" }],
];

it.each<[string, object, object?]>([
  ["an owner", { repository_owner: "acme" }],
  ["an owner's id", { repository_owner_id: "123" }],
  ["a repository", { sub: "repo:acme/*" }],
  ["a repository's branch, and any environment", { sub: "repo:acme/app:*", environment: "*" }],
  ["an owner beside a branch", { ref: "refs/heads/main", repository_owner: ["acme", "acme-labs"] }],
  [
    "a workflow that is called, beside whose it is",
    {
      job_workflow_ref: "acme/workflows/.github/workflows/build.yml@*",
      repository_owner: "acme",
    },
  ],
  ["a workflow", { workflow_ref: "acme/app/.github/workflows/build.yml@*" }],
  ["an owner's id, as a number", { repository_owner_id: 123 }],
  ["a subject made of an owner", { sub: "repository_owner:acme:environment:*" }],
  ["a subject made of an owner alone", { sub: "repository_owner:acme" }],
  ["a subject made of an id", { sub: "repository_id:1:*" }],
  ["a subject with ids that stay", { sub: "repo:acme@1/app@2:*" }],
  ["a group", { namespace_path: "acme" }, GITLAB],
  ["groups within one", { namespace_path: ["acme", "acme/*"] }, GITLAB],
  ["pipelines", { ci_config_ref_uri: "gitlab.com/acme/app//.gitlab-ci.yml@*" }, GITLAB],
  ["a project", { sub: "project_path:acme/*" }, GITLAB],
  ["a number", { tenant: 7 }, COMPANY],
  ["what is in a table", { kubernetes: { namespace: "ci", pod: "*" } }, COMPANY],
  ["a switch beside it", { email_verified: true, email: "*@acme.example" }, COMPANY],
  ["a branch, of an issuer of one's own", { ref: "main" }, COMPANY],
  [
    "any repository of an enterprise's own issuer",
    { sub: "repo:*/app:*" },
    {
      issuer: "https://token.actions.githubusercontent.com/acme",
    },
  ],
])("%s tells tokens apart", (_, claims, more = {}) => {
  expect(wrong(issuer({ ...more, claims }))).toEqual([]);
});

it("wants a token where nothing else is said", () => {
  for (const AUTH of [undefined, "", {}, "{}", { mode: "token" }])
    expect(authOf(AUTH)).toEqual({ mode: "token", issuers: [] });
});

it("is read as a table and as JSON of one", () => {
  const AUTH = { mode: "open", acknowledgeOpen: true };
  expect(authOf(AUTH)).toEqual({ mode: "open", issuers: [] });
  expect(authOf(JSON.stringify(AUTH))).toEqual({ mode: "open", issuers: [] });
  expect(authOf({ ...issuer({}), access: { ...TEAM, team: `${TEAM.team}/` } })).toEqual({
    mode: "token",
    issuers: [{ ...ISSUER, audience: ["entrepot"] }],
    access: { ...TEAM, audience: ["aud"], viewers: [] },
  });
});

it.each<[string, unknown, string]>([
  ["open, once", { mode: "open" }, 'AUTH: mode = "open" lets every client'],
  ["another mode", { mode: "basic" }, 'AUTH.mode: must be "open" or "token"'],
  ["no JSON", "{", "AUTH: is not JSON"],
  ["another field", { users: [] }, "AUTH.users: is not a field of AUTH"],
  [
    "an issuer over http",
    issuer({ issuer: "http://issuer.example" }),
    "AUTH.issuers[0].issuer: must be an https:// URL",
  ],
  [
    "an issuer with a password",
    issuer({ issuer: "https://a:b@issuer.example" }),
    "AUTH.issuers[0].issuer: must be an https:// URL",
  ],
  [
    "an issuer that is none",
    issuer({ issuer: "github" }),
    "AUTH.issuers[0].issuer: must be an https:// URL",
  ],
  ["no audience", issuer({ audience: "" }), "AUTH.issuers[0].audience: must be the audience"],
  ["touches", issuer({ touches: "no" }), "AUTH.issuers[0].touches: must be true or false"],
  ["no conditions", issuer({ claims: {} }), "AUTH.issuers[0].claims: must distinguish your tokens"],
  [
    "conditions that all meet",
    issuer({ claims: { sub: "*", a: ["x", "**"] } }),
    "AUTH.issuers[0].claims: must distinguish your tokens",
  ],
  ...VAGUE.map(([what, claims, path, more = {}]): [string, unknown, string] => [
    `a condition that tells nothing apart, ${what},`,
    issuer({ ...more, claims }),
    `AUTH.issuers[0].claims${path}: `,
  ]),
  [
    "conditions that are none",
    issuer({ claims: { sub: null } }),
    "AUTH.issuers[0].claims.sub: must be a string",
  ],
  [
    "no repositories",
    issuer({ repositories: [] }),
    "AUTH.issuers[0].repositories: must contain at least one glob",
  ],
  [
    "keys elsewhere",
    issuer({ jwksUri: "https://keys.example/keys" }),
    "AUTH.issuers[0].jwksUri: must be at the issuer's own host",
  ],
  [
    "keys that are secrets",
    issuer({ jwks: { keys: [{ kty: "oct", k: "x" }] } }),
    "AUTH.issuers[0].jwks.keys[0].kty:",
  ],
  [
    "a team that lets nobody in",
    { access: { ...TEAM, admins: [] } },
    "AUTH.access: grants nobody access",
  ],
  ["a team of no audience", { access: { ...TEAM, audience: [] } }, "AUTH.access.audience: must be"],
])("%s is refused, with the field's path", (_, AUTH, message) => {
  expect(wrong(AUTH).join("\n")).toContain(message);
});

describe("a rule", () => {
  it("says who may pull without saying who he is", () => {
    const SECRET = "0123456789abcdefghij.Mirror.example";
    expect(
      ruleOf({ anonymous: true, networks: ["10.0.0.0/8", "::1"], secretHost: SECRET }),
    ).toMatchObject({
      anonymous: true,
      networks: ["10.0.0.0/8", "::1"],
      secretHosts: [SECRET.toLowerCase()],
    });
  });

  it("says of which of its networks nothing keeps an image alive", () => {
    const networks = [
      "10.0.0.0/8",
      { network: "192.0.2.7" },
      { network: "203.0.113.0/24", touches: false },
    ];
    expect(ruleOf({ networks })).toMatchObject({
      networks: ["10.0.0.0/8", "192.0.2.7", "203.0.113.0/24"],
      quietNetworks: ["203.0.113.0/24"],
    });
    expect(ruleOf({ networks: ["10.0.0.0/8"] })).not.toHaveProperty("quietNetworks");
  });

  it.each([
    [{ networks: [{ network: "10/8" }] }, "RULES[0].networks[0].network: must be a network"],
    [{ networks: ["::1", { touches: false }] }, "RULES[0].networks[1].network: must be a network"],
    [{ networks: [7] }, "RULES[0].networks[0]: must be a network"],
    [
      { networks: [{ network: "::1", touches: "no" }] },
      "RULES[0].networks[0].touches: must be true or false",
    ],
    [
      { networks: [{ network: "::1", touch: false }] },
      "RULES[0].networks[0].touch: is not a field of",
    ],
    [{ networks: ["10.0.0.0/33"] }, "RULES[0].networks[0]: must be a network"],
    [{ networks: ["10.0/8"] }, "RULES[0].networks[0]: must be a network"],
    [{ networks: ["example.com"] }, "RULES[0].networks[0]: must be a network"],
    [{ networks: "10.0.0.0/8" }, "RULES[0].networks: must be a list of networks"],
    [{ anonymous: "yes" }, "RULES[0].anonymous:"],
    [
      { secretHost: "docker.mirror.example" },
      "RULES[0].secretHost: must have an unguessable label of at least 20 characters",
    ],
  ])("%j is refused", (fields, message) => {
    expect(problemsOf({ RULES: [{ ...GOOD, ...fields }] }).join("\n")).toContain(message);
  });
});

it.each([
  ["10.1.2.3", ["10.0.0.0/8"], true],
  ["11.1.2.3", ["10.0.0.0/8"], false],
  ["::ffff:10.1.2.3", ["10.0.0.0/8"], true],
  ["10.1.2.3", ["::ffff:10.1.2.0/120"], true],
  ["10.1.3.3", ["::ffff:10.1.2.0/120"], false],
  ["10.1.2.3", ["::ffff:10.1.2.3"], true],
  ["10.1.2.3", ["::/0"], false],
  ["2001:db8::5", ["10.0.0.0/8", "2001:db8::/32"], true],
  ["2001:db9::5", ["2001:db8::/32"], false],
  ["10.0.0.1", ["10.0.0.1"], true],
  ["10.0.0.2", ["10.0.0.1"], false],
  ["1.2.3.4", ["0.0.0.0/0"], true],
  ["::1", ["0.0.0.0/0"], false],
  ["", ["0.0.0.0/0"], false],
  ["10.1.2.3, 1.1.1.1", ["0.0.0.0/0"], false],
  ["0x0a010203", ["10.0.0.0/8"], true],
])("the address %s is in %j: %s", (address, networks, within) => {
  expect(isWithin(address, networks)).toBe(within);
});
