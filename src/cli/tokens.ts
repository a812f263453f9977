// `npm run tokens -- create | list | revoke`: the pull tokens of a cache.

import { type Api, Complaint, command, openApi, optionsIn, subjectIn } from "./api.ts";
import { some, tableOf, timeOf } from "./words.ts";

const USAGE = `usage: npm run tokens -- create NAME --repositories GLOB,GLOB [--expiry 90d] [--networks CIDR,CIDR]   shows it, once
       npm run tokens -- list [--json]
       npm run tokens -- revoke ID                      it is good for nothing anywhere within a minute
options: --url URL   of the cache; without, the one of npm start. Its ADMIN_TOKEN comes from ENTREPOT_ADMIN_TOKEN
globs are over names as clients say them: "docker-hub/library/*", "ghcr/acme/**", "*" for everything`;

interface Token {
  id: string;
  name: string;
  repositories: string[];
  networks: string[];
  state: string;
  expiresAt?: string;
  usedAt?: string;
}

const OPTIONS = { url: true, repositories: true, expiry: true, networks: true, json: false };

await command(async () => {
  const [verb = "", ...args] = process.argv.slice(2);
  const [subject = "", rest] = subjectIn(args);
  const options = optionsIn(rest, OPTIONS, USAGE);
  const api = openApi(options.get("url"));
  if (verb === "list") return list(api, options.has("json"));
  if (subject === "") throw new Complaint(USAGE, 2);
  if (verb === "create") return create(api, subject, options);
  if (verb === "revoke") return revoke(api, subject);
  throw new Complaint(USAGE, 2);
});

async function create(api: Api, name: string, options: Map<string, string>): Promise<void> {
  const listIn = (option: string) =>
    options
      .get(option)
      ?.split(",")
      .map((text) => text.trim());
  const asked = {
    name,
    repositories: listIn("repositories") ?? [],
    networks: listIn("networks"),
    expiry: options.get("expiry"),
  };
  const made = await api.ask<Token & { token: string }>(
    "POST",
    "/api/tokens",
    JSON.stringify(asked),
  );
  if (options.has("json")) console.log(JSON.stringify(made, undefined, 2));
  else {
    console.log(made.token);
    // Beside the token itself, so that a script can take what is on standard output.
    console.error(`"${made.name}" may pull ${made.repositories.join(", ")}; its id is ${made.id}`);
    console.error("it is not shown again; it is the password of any user: docker login -u token");
  }
}

async function list(api: Api, json: boolean): Promise<void> {
  const told = await api.ask<{ tokens: Token[] }>("GET", "/api/tokens");
  if (json) {
    console.log(JSON.stringify(told, undefined, 2));
    return;
  }
  const { tokens } = told;
  if (tokens.length === 0) {
    console.log("there is no pull token: npm run tokens -- create NAME --repositories GLOB");
    return;
  }
  console.log(some(tokens.length, "pull token"));
  const rows = tokens.map(({ id, name, state, repositories, networks, expiresAt, usedAt }) => [
    id,
    name,
    state,
    repositories.join(" "),
    networks.join(" ") || "everywhere",
    expiresAt ? timeOf(expiresAt) : "never",
    usedAt ? timeOf(usedAt) : "never",
  ]);
  const head = ["id", "name", "state", "repositories", "from", "expires", "last used"];
  for (const line of tableOf(head, rows)) console.log(line);
}

async function revoke(api: Api, id: string): Promise<void> {
  const token = await api.ask<Token>("DELETE", `/api/tokens/${encodeURIComponent(id)}`);
  console.log(`"${token.name}" is revoked: it is good for nothing anywhere within a minute`);
}
