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
const VAGUE: { title: string; claims: object; path: string; fields?: object }[] = [
  { title: "any text", claims: { team: "*" }, path: "", fields: COMPANY },
  { title: "any text, twice", claims: { team: "**", sub: "***" }, path: "", fields: COMPANY },
  { title: "any text with a colon", claims: { sub: "*:*" }, path: "", fields: COMPANY },
  { title: "any path", claims: { sub: "*/*" }, path: "", fields: COMPANY },
  { title: "any address", claims: { email: "*@*" }, path: "", fields: COMPANY },
  { title: "blanks", claims: { team: " " }, path: "", fields: COMPANY },
  {
    title: "what is checked anyway",
    claims: { iss: COMPANY.issuer, aud: "entrepot" },
    path: "",
    fields: COMPANY,
  },
  { title: "times", claims: { exp: 1, iat: 2, nbf: 3 }, path: "", fields: COMPANY },
  { title: "an id of the token's own", claims: { jti: "x" }, path: "", fields: COMPANY },
  { title: "a switch", claims: { email_verified: true }, path: "", fields: COMPANY },
  {
    title: "any text, within a table",
    claims: { kubernetes: { namespace: "*" } },
    path: "",
    fields: COMPANY,
  },
  { title: "a list with any text", claims: { team: ["*"] }, path: "", fields: COMPANY },
  { title: "an empty list", claims: { team: [] }, path: ".team", fields: COMPANY },
  { title: "an empty table", claims: { team: {} }, path: ".team", fields: COMPANY },
  { title: "an empty text", claims: { team: "" }, path: ".team", fields: COMPANY },
  {
    title: "a list that any text stands in",
    claims: { team: ["acme", "*"] },
    path: "",
    fields: COMPANY,
  },
  {
    title: "the same, within a table",
    claims: { a: { b: ["acme", "**"] } },
    path: "",
    fields: COMPANY,
  },
  {
    title: "the same, within a table, beside a good one",
    claims: { team: "acme", a: { b: ["acme", "**"] } },
    path: ".a.b[1]",
    fields: COMPANY,
  },
  {
    title: "the same, beside a good one",
    claims: { team: "acme", sub: ["x", "*"] },
    path: ".sub[1]",
    fields: COMPANY,
  },
  // Of GitHub, whose tokens every user can get.
  { title: "any repository", claims: { sub: "repo:*" }, path: "" },
  { title: "a pattern that ends before the owner", claims: { sub: "rep*" }, path: "" },
  { title: "repositories of one name, of any owner", claims: { sub: "repo:*/app:*" }, path: "" },
  {
    title: "the main branch of any repository",
    claims: { sub: "repo:*:ref:refs/heads/main" },
    path: "",
  },
  { title: "a branch", claims: { ref: "refs/heads/main" }, path: "" },
  {
    title: "an environment",
    claims: { environment: "production", repository_visibility: "private" },
    path: "",
  },
  { title: "a repository of any owner", claims: { repository: "*/app" }, path: "" },
  { title: "one owner or another", claims: { repository_owner: ["acme", "*x"] }, path: "" },
  { title: "owners whose names begin so", claims: { repository_owner: "acme*" }, path: "" },
  {
    title: "the same, of which one is named",
    claims: { repository_owner: ["acme", "acme-*"] },
    path: "",
  },
  { title: "a tenth of all owners", claims: { repository_owner_id: "1*" }, path: "" },
  { title: "a tenth of all repositories", claims: { repository_id: "1*" }, path: "" },
  {
    title: "repositories of owners whose names begin so",
    claims: { repository: "acme*/app" },
    path: "",
  },
  { title: "the same, as subjects", claims: { sub: "repo:acme*" }, path: "" },
  { title: "the same, of one repository's name", claims: { sub: "repo:acme*/app:*" }, path: "" },
  {
    title: "a subject that any repository may have",
    claims: { sub: "environment:production" },
    path: "",
  },
  { title: "the same, of a branch", claims: { sub: "ref:refs/heads/main" }, path: "" },
  {
    title: "the same, of a workflow that every repository may call",
    claims: { sub: "job_workflow_ref:acme/*" },
    path: "",
  },
  {
    title: "a subject with an owner whose name begins so",
    claims: { sub: "repository_owner:acme*" },
    path: "",
  },
  { title: "a subject without what it is made of", claims: { sub: "acme/app" }, path: "" },
  {
    title: "who started it, in a repository of any owner",
    claims: { actor: "ann", actor_id: "1" },
    path: "",
  },
  {
    title: "a workflow that every repository may call",
    claims: { job_workflow_ref: "acme/workflows/.github/workflows/build.yml@*" },
    path: "",
  },
  {
    title: "a workflow of owners whose names begin so",
    claims: { workflow_ref: "acme*" },
    path: "",
  },
  // Of GitLab's.
  {
    title: "the user who started it, in any project",
    claims: { user_login: "ann", user_email: "a@b.c" },
    path: "",
    fields: GITLAB,
  },
  {
    title: "groups whose names begin so",
    claims: { namespace_path: "acme*" },
    path: "",
    fields: GITLAB,
  },
  {
    title: "projects of groups whose names begin so",
    claims: { project_path: "acme*/app" },
    path: "",
    fields: GITLAB,
  },
  {
    title: "the same, as subjects",
    claims: { sub: "project_path:acme*" },
    path: "",
    fields: GITLAB,
  },
  { title: "a tenth of all projects", claims: { project_id: "1*" }, path: "", fields: GITLAB },
  {
    title: "pipelines of any project",
    claims: { ci_config_ref_uri: "gitlab.com/*" },
    path: "",
    fields: GITLAB,
  },
  { title: "any project", claims: { sub: "project_path:*" }, path: "", fields: GITLAB },
  {
    title: "a protected branch",
    claims: { ref_protected: "true", ref: "main" },
    path: "",
    fields: GITLAB,
  },
  {
    title: "any project, with a slash",
    claims: { sub: "project_path:*" },
    path: "",
    fields: { issuer: "https://gitlab.com/" },
  },
];

it.each<{ title: string; claims: object; fields?: object }>([
  { title: "an owner", claims: { repository_owner: "acme" } },
  { title: "an owner's id", claims: { repository_owner_id: "123" } },
  { title: "a repository", claims: { sub: "repo:acme/*" } },
  {
    title: "a repository's branch, and any environment",
    claims: { sub: "repo:acme/app:*", environment: "*" },
  },
  {
    title: "an owner beside a branch",
    claims: { ref: "refs/heads/main", repository_owner: ["acme", "acme-labs"] },
  },
  {
    title: "a workflow that is called, beside whose it is",
    claims: {
      job_workflow_ref: "acme/workflows/.github/workflows/build.yml@*",
      repository_owner: "acme",
    },
  },
  { title: "a workflow", claims: { workflow_ref: "acme/app/.github/workflows/build.yml@*" } },
  { title: "an owner's id, as a number", claims: { repository_owner_id: 123 } },
  { title: "a subject made of an owner", claims: { sub: "repository_owner:acme:environment:*" } },
  { title: "a subject made of an owner alone", claims: { sub: "repository_owner:acme" } },
  { title: "a subject made of an id", claims: { sub: "repository_id:1:*" } },
  { title: "a subject with ids that stay", claims: { sub: "repo:acme@1/app@2:*" } },
  { title: "a group", claims: { namespace_path: "acme" }, fields: GITLAB },
  { title: "groups within one", claims: { namespace_path: ["acme", "acme/*"] }, fields: GITLAB },
  {
    title: "pipelines",
    claims: { ci_config_ref_uri: "gitlab.com/acme/app//.gitlab-ci.yml@*" },
    fields: GITLAB,
  },
  { title: "a project", claims: { sub: "project_path:acme/*" }, fields: GITLAB },
  { title: "a number", claims: { tenant: 7 }, fields: COMPANY },
  {
    title: "what is in a table",
    claims: { kubernetes: { namespace: "ci", pod: "*" } },
    fields: COMPANY,
  },
  {
    title: "a switch beside it",
    claims: { email_verified: true, email: "*@acme.example" },
    fields: COMPANY,
  },
  { title: "a branch, of an issuer of one's own", claims: { ref: "main" }, fields: COMPANY },
  {
    title: "any repository of an enterprise's own issuer",
    claims: { sub: "repo:*/app:*" },
    fields: {
      issuer: "https://token.actions.githubusercontent.com/acme",
    },
  },
])("$title tells tokens apart", ({ claims, fields = {} }) => {
  expect(wrong(issuer({ ...fields, claims }))).toEqual([]);
});

it("requires a token by default", () => {
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

it.each<{ title: string; AUTH: unknown; message: string }>([
  { title: "open, once", AUTH: { mode: "open" }, message: 'AUTH: mode = "open" lets every client' },
  {
    title: "another mode",
    AUTH: { mode: "basic" },
    message: 'AUTH.mode: must be "open" or "token"',
  },
  { title: "no JSON", AUTH: "{", message: "AUTH: is not JSON" },
  { title: "another field", AUTH: { users: [] }, message: "AUTH.users: is not a field of AUTH" },
  {
    title: "an issuer over http",
    AUTH: issuer({ issuer: "http://issuer.example" }),
    message: "AUTH.issuers[0].issuer: must be an https:// URL",
  },
  {
    title: "an issuer with a password",
    AUTH: issuer({ issuer: "https://a:b@issuer.example" }),
    message: "AUTH.issuers[0].issuer: must be an https:// URL",
  },
  {
    title: "an issuer that is none",
    AUTH: issuer({ issuer: "github" }),
    message: "AUTH.issuers[0].issuer: must be an https:// URL",
  },
  {
    title: "no audience",
    AUTH: issuer({ audience: "" }),
    message: "AUTH.issuers[0].audience: must be the audience",
  },
  {
    title: "touches",
    AUTH: issuer({ touches: "no" }),
    message: "AUTH.issuers[0].touches: must be true or false",
  },
  {
    title: "no conditions",
    AUTH: issuer({ claims: {} }),
    message: "AUTH.issuers[0].claims: must distinguish your tokens",
  },
  {
    title: "conditions that all meet",
    AUTH: issuer({ claims: { sub: "*", a: ["x", "**"] } }),
    message: "AUTH.issuers[0].claims: must distinguish your tokens",
  },
  ...VAGUE.map(({ title, claims, path, fields }) => ({
    title: `a condition that tells nothing apart, ${title},`,
    AUTH: issuer({ ...fields, claims }),
    message: `AUTH.issuers[0].claims${path}: `,
  })),
  {
    title: "conditions that are none",
    AUTH: issuer({ claims: { sub: null } }),
    message: "AUTH.issuers[0].claims.sub: must be a string",
  },
  {
    title: "no repositories",
    AUTH: issuer({ repositories: [] }),
    message: "AUTH.issuers[0].repositories: must contain at least one glob",
  },
  {
    title: "keys elsewhere",
    AUTH: issuer({ jwksUri: "https://keys.example/keys" }),
    message: "AUTH.issuers[0].jwksUri: must be at the issuer's own host",
  },
  {
    title: "keys that are secrets",
    AUTH: issuer({ jwks: { keys: [{ kty: "oct", k: "x" }] } }),
    message: "AUTH.issuers[0].jwks.keys[0].kty:",
  },
  {
    title: "a team without users",
    AUTH: { access: { ...TEAM, admins: [] } },
    message: "AUTH.access: grants nobody access",
  },
  {
    title: "a team of no audience",
    AUTH: { access: { ...TEAM, audience: [] } },
    message: "AUTH.access.audience: must be",
  },
])("$title is refused, with the field's path", ({ AUTH, message }) => {
  expect(wrong(AUTH).join("\n")).toContain(message);
});

describe("a rule", () => {
  it("names the clients that may pull without login", () => {
    const SECRET = "0123456789abcdefghij.Mirror.example";
    expect(
      ruleOf({ anonymous: true, networks: ["10.0.0.0/8", "::1"], secretHost: SECRET }),
    ).toMatchObject({
      anonymous: true,
      networks: ["10.0.0.0/8", "::1"],
      secretHosts: [SECRET.toLowerCase()],
    });
  });

  it("names the networks whose pulls do not keep an image", () => {
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
  { address: "10.1.2.3", networks: ["10.0.0.0/8"], within: true },
  { address: "11.1.2.3", networks: ["10.0.0.0/8"], within: false },
  { address: "::ffff:10.1.2.3", networks: ["10.0.0.0/8"], within: true },
  { address: "10.1.2.3", networks: ["::ffff:10.1.2.0/120"], within: true },
  { address: "10.1.3.3", networks: ["::ffff:10.1.2.0/120"], within: false },
  { address: "10.1.2.3", networks: ["::ffff:10.1.2.3"], within: true },
  { address: "10.1.2.3", networks: ["::/0"], within: false },
  { address: "2001:db8::5", networks: ["10.0.0.0/8", "2001:db8::/32"], within: true },
  { address: "2001:db9::5", networks: ["2001:db8::/32"], within: false },
  { address: "10.0.0.1", networks: ["10.0.0.1"], within: true },
  { address: "10.0.0.2", networks: ["10.0.0.1"], within: false },
  { address: "1.2.3.4", networks: ["0.0.0.0/0"], within: true },
  { address: "::1", networks: ["0.0.0.0/0"], within: false },
  { address: "", networks: ["0.0.0.0/0"], within: false },
  { address: "10.1.2.3, 1.1.1.1", networks: ["0.0.0.0/0"], within: false },
  { address: "0x0a010203", networks: ["10.0.0.0/8"], within: true },
])("the address $address is in $networks: $within", ({ address, networks, within }) => {
  expect(isWithin(address, networks)).toBe(within);
});
