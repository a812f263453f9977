// Push times of GHCR: created_at and updated_at of the version in GitHub's packages API, which wants a token that may read packages
// (docs.github.com/en/rest/packages). The later of the two counts, since a version changes when a tag is moved to it.

import { z } from "zod";
import type { Credentials } from "../../config/credentials.ts";
import type { Rule } from "../../config/rule.ts";
import { askApi, type Pushed, type PushTime } from "./ask.ts";

const HOST = "api.github.com";
const PAGE_SIZE = 100;
/** Maximum number of pages searched, newest versions first. */
const MAX_PAGES = 5;

const answerSchema = z.array(
  z.object({ name: z.string(), created_at: z.string(), updated_at: z.string() }),
);

export async function ghcrTime(
  rule: Rule,
  credentials: Credentials,
  { repository, digest }: Pushed,
): Promise<PushTime> {
  const token = tokenIn(credentials);
  if (token === undefined) return undefined;
  const [owner = "", ...rest] = repository.split("/");
  const name = encodeURIComponent(rest.join("/"));
  for (const kind of ["orgs", "users"]) {
    for (let page = 1; page <= MAX_PAGES; page++) {
      const path = `${kind}/${owner}/packages/container/${name}/versions`;
      const url = `https://${HOST}/${path}?state=active&per_page=${PAGE_SIZE}&page=${page}`;
      const { data } = answerSchema.safeParse(await askApi(rule, url, `Bearer ${token}`));
      const found = data?.find((one) => one.name === digest);
      if (found) return Math.max(Date.parse(found.created_at), Date.parse(found.updated_at));
      if (!data || data.length < PAGE_SIZE) break;
    }
  }
  return undefined;
}

function tokenIn(credentials: Credentials): string | undefined {
  if ("token" in credentials) return credentials.token;
  return "password" in credentials ? credentials.password : undefined;
}
