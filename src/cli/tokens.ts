// `npm run tokens -- create | list | revoke`: the pull tokens of a cache.

import { Command, InvalidArgumentError } from "commander";
import type { CreatedTokenAnswer, TokenAnswer, TokensAnswer } from "../api/tokens.ts";
import { type Api, Complaint, openApi } from "./api.ts";
import { type Asking, asking, listed, print, withExamples } from "./command.ts";
import { complain } from "./lines.ts";
import { some, tableOf, timeOf } from "./words.ts";

/** Of the beginning of an id, in characters: `explain` and `list` show more. */
const LEAST = 6;
const WHOLE_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

interface Creating extends Asking {
  repositories: string[];
  expiry?: string;
  networks?: string[];
  touch: boolean;
}

export function tokensCommand(): Command {
  const command = new Command("tokens")
    .summary("pull tokens")
    .description("Pull tokens: the passwords that people, clusters and CI pull with.")
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(revokeCommand());
  return withExamples(command, [
    "tokens create ci --repositories 'docker.io/library/*,ghcr.io/acme/**' --expiry 90d",
    "tokens list",
    "tokens revoke 6b1f2a90",
  ]);
}

function createCommand(): Command {
  const command = new Command("create")
    .summary("makes one, and shows it, once")
    .description(
      "Makes a pull token, and shows it, once: alone on standard output, so that a script can take it.",
    )
    .argument("<name>", "of the token, for people")
    .requiredOption(
      "--repositories <globs>",
      "what it may pull, with commas: globs over names as clients say them, * within one part, ** over any number of parts, * alone everything (required)",
      listed,
    )
    .option("--expiry <when>", "90d, 12h or 2030-01-01T00:00:00Z; without, it never ends")
    .option("--networks <cidrs>", "where it may be used from, with commas; else everywhere", listed)
    .option(
      "--no-touch",
      "nothing that is asked for with it keeps an image from expiring: for a tool that only looks, such as an update bot or a scanner; its pulls count all the same",
    );
  return asking(command, [
    "tokens create ci --repositories 'docker.io/library/*,ghcr.io/acme/**' --expiry 90d",
    "tokens create office --repositories '*' --networks 203.0.113.0/24   good there alone, and for ever",
    "tokens create renovate --repositories '*' --no-touch   looks, and keeps nothing alive",
    "tokens create me --repositories '*' --url https://mirror.example.com",
  ]).action(create);
}

async function create(name: string, options: Creating): Promise<void> {
  const { repositories, networks, expiry, touch } = options;
  const quiet = !touch && { touches: false };
  const body = JSON.stringify({ name, repositories, networks, expiry, ...quiet });
  const api = openApi(options.url);
  const made = await api.ask<CreatedTokenAnswer>("POST", "/api/tokens", body);
  print(made, options, () => [made.token]);
  if (options.json) return;
  const end = made.expiresAt
    ? ` until ${timeOf(made.expiresAt)}`
    : ", and never ends, for want of --expiry";
  // Beside the token itself, so that a script can take what is on standard output.
  complain(`"${made.name}" may pull ${made.repositories.join(", ")}${end}; its id is ${made.id}`);
  complain("it is not shown again; it is the password of any user: docker login -u token");
}

function listCommand(): Command {
  const command = new Command("list")
    .summary("lists them")
    .description(
      "Lists the tokens, without themselves: what each may pull, until when, and when it was last used; those that are past for 90 days.",
    );
  return asking(command, ["tokens list", "tokens list --json"]).action(async (options: Asking) => {
    print({ tokens: await tokensOf(openApi(options.url)) }, options, ({ tokens }) => {
      if (tokens.length === 0)
        return ["there is no pull token: npm run tokens -- create NAME --repositories GLOB"];
      const rows = tokens.map((token) => [
        token.id,
        token.name,
        token.state,
        token.repositories.join(" "),
        token.networks.join(" ") || "everywhere",
        token.expiresAt ? timeOf(token.expiresAt) : "never",
        token.usedAt ? timeOf(token.usedAt) : "never",
        token.touches === false ? "keeps nothing alive" : "",
      ]);
      const head = ["id", "name", "state", "repositories", "from", "expires", "last used", ""];
      return [some(tokens.length, "pull token"), ...tableOf(head, rows)];
    });
  });
}

async function tokensOf(api: Api): Promise<TokenAnswer[]> {
  return (await api.ask<TokensAnswer>("GET", "/api/tokens")).tokens;
}

function revokeCommand(): Command {
  const command = new Command("revoke")
    .summary("revokes one")
    .description("Revokes a pull token: it is good for nothing anywhere within a minute.")
    .argument("<id>", `or its beginning, of ${LEAST} characters at least`, idIn);
  return asking(command, [
    "tokens revoke 6b1f2a90",
    "tokens revoke 6b1f2a90 --url https://mirror.example.com",
  ]).action(async (given: string, options: Asking) => {
    const api = openApi(options.url);
    const id = WHOLE_ID.test(given) ? given : await idOf(api, given);
    const token = await api.ask<TokenAnswer>("DELETE", `/api/tokens/${encodeURIComponent(id)}`);
    print(token, options, () => [
      `"${token.name}" is revoked: it is good for nothing anywhere within a minute`,
    ]);
  });
}

function idIn(text: string): string {
  if (text.length >= LEAST) return text.toLowerCase();
  throw new InvalidArgumentError(`It must be an id, or its first ${LEAST} characters at least.`);
}

/** Throws a Complaint where there is not exactly one. */
async function idOf(api: Api, beginning: string): Promise<string> {
  const found = (await tokensOf(api)).filter(({ id }) => id.startsWith(beginning));
  const [only] = found;
  if (only && found.length === 1) return only.id;
  if (!only)
    throw new Complaint(
      `there is no pull token whose id begins with ${beginning}: see tokens list`,
    );
  const names = found.map(({ id, name }) => `"${name}" (${id})`).join(", ");
  throw new Complaint(`the ids of ${names} begin with ${beginning}: say more of the one you mean`);
}
