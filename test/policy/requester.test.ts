// Identities that use what all share: one account is one, whatever its tokens say of branches.

import { expect, it } from "vitest";
import { accountOf } from "../../src/policy/requester.ts";

const GITHUB = "https://token.actions.githubusercontent.com";

it.each([
  [`${GITHUB} repo:acme/app:ref:refs/heads/main`, `${GITHUB} repo:acme/app`],
  [`${GITHUB} repo:acme/app:environment:production`, `${GITHUB} repo:acme/app`],
  [`${GITHUB} repo:acme/other:pull_request`, `${GITHUB} repo:acme/other`],
  [
    "https://gitlab.com project_path:a/b:ref_type:branch:ref:x",
    "https://gitlab.com project_path:a/b",
  ],
  [
    "https://k8s.example system:serviceaccount:ns:name",
    "https://k8s.example system:serviceaccount:ns:name",
  ],
  ["token 1a2b", "token 1a2b"],
  ["network 10.0.0.1", "network 10.0.0.1"],
])("%s is of %s", (subject, account) => {
  expect(accountOf(subject)).toBe(account);
});
