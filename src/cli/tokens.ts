// `npm run tokens -- create | list | revoke`: manages the pull tokens of a cache.

import { Command, InvalidArgumentError } from "commander";
import type { CreatedTokenAnswer, TokenAnswer, TokensAnswer } from "../api/tokens.ts";
import { type Api, Complaint, openApi } from "./api.ts";
import { type Asking, asking, listed, print, withExamples } from "./command.ts";
import { complain } from "./lines.ts";
import { some, tableOf, timeOf } from "./words.ts";

/** Minimum length of the beginning of an id, in characters; `explain` and `list` show more. */
const MIN_ID = 6;
const WHOLE_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

interface Creating extends Asking {
  repositories: string[];
  expiry?: string;
  networks?: string[];
  touch: boolean;
}

export function tokensCommand(): Command {
  const command = new Command("tokens")
    .summary("create, list and revoke pull tokens")
    .description(
      "Create, list and revoke pull tokens: the passwords that people, clusters and CI pull with.",
    )
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
    .summary("create a pull token")
    .description("Create a pull token and print it, once: alone on standard output, for scripts.")
    .argument("<name>", "name of the token, for people")
    .requiredOption(
      "--repositories <globs>",
      "what it may pull: globs over names as clients use them, separated by commas; * matches within one part, ** any number of parts, * alone everything (required)",
      listed,
    )
    .option("--expiry <when>", "90d, 12h or 2030-01-01T00:00:00Z (default: it never expires)")
    .option(
      "--networks <cidrs>",
      "networks it may be used from, separated by commas (default: any)",
      listed,
    )
    .option(
      "--no-touch",
      "its requests do not keep images from expiring: for tools such as update bots and scanners; its pulls are still counted",
    );
  return asking(command, [
    "tokens create ci --repositories 'docker.io/library/*,ghcr.io/acme/**' --expiry 90d",
    "tokens create office --repositories '*' --networks 203.0.113.0/24   valid only there, and never expires",
    "tokens create renovate --repositories '*' --no-touch   does not keep images from expiring",
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
    : " and never expires (no --expiry)";
  // On standard error, so that standard output holds only the token.
  complain(`"${made.name}" may pull ${made.repositories.join(", ")}${end}; its id is ${made.id}`);
  complain(
    "it is not shown again; use it as the password with any user name: docker login -u token",
  );
}

function listCommand(): Command {
  const command = new Command("list")
    .summary("list pull tokens")
    .description(
      "List tokens without their secrets: what each may pull, until when, and when it was last used. Expired and revoked tokens are listed for 90 days.",
    );
  return asking(command, ["tokens list", "tokens list --json"]).action(async (options: Asking) => {
    print({ tokens: await tokensOf(openApi(options.url)) }, options, ({ tokens }) => {
      if (tokens.length === 0)
        return [
          "there are no pull tokens; create one: npm run tokens -- create NAME --repositories GLOB",
        ];
      const rows = tokens.map((token) => [
        token.id,
        token.name,
        token.state,
        token.repositories.join(" "),
        token.networks.join(" ") || "any network",
        token.expiresAt ? timeOf(token.expiresAt) : "never",
        token.usedAt ? timeOf(token.usedAt) : "never",
        token.touches === false ? "no touch" : "",
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
    .summary("revoke a pull token")
    .description("Revoke a pull token. Takes effect everywhere within a minute.")
    .argument("<id>", `id of the token, or its first ${MIN_ID} or more characters`, idIn);
  return asking(command, [
    "tokens revoke 6b1f2a90",
    "tokens revoke 6b1f2a90 --url https://mirror.example.com",
  ]).action(async (given: string, options: Asking) => {
    const api = openApi(options.url);
    const id = WHOLE_ID.test(given) ? given : await idOf(api, given);
    const token = await api.ask<TokenAnswer>("DELETE", `/api/tokens/${encodeURIComponent(id)}`);
    print(token, options, () => [
      `revoked "${token.name}"; takes effect everywhere within a minute`,
    ]);
  });
}

function idIn(text: string): string {
  if (text.length >= MIN_ID) return text.toLowerCase();
  throw new InvalidArgumentError(`It must be an id, or at least its first ${MIN_ID} characters.`);
}

/** Throws a Complaint unless exactly one id matches. */
async function idOf(api: Api, beginning: string): Promise<string> {
  const found = (await tokensOf(api)).filter(({ id }) => id.startsWith(beginning));
  const [only] = found;
  if (only && found.length === 1) return only.id;
  if (!only)
    throw new Complaint(`no pull token has an id that begins with ${beginning}; see tokens list`);
  const names = found.map(({ id, name }) => `"${name}" (${id})`).join(", ");
  throw new Complaint(`several ids begin with ${beginning}: ${names}; give more characters`);
}
