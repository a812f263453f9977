// Command line program: its commands, error messages and exit codes.

import { Command, CommanderError } from "commander";
import { allowCommand } from "./allow.ts";
import { Complaint } from "./api.ts";
import { catalogCommand } from "./catalog.ts";
import { withExamples } from "./command.ts";
import { deleteCommand } from "./delete.ts";
import { doctorCommand } from "./doctor.ts";
import { explainCommand } from "./explain.ts";
import { heldCommand } from "./held.ts";
import { imagesCommand } from "./images.ts";
import { lifecycleCommand } from "./lifecycle.ts";
import { complain, pages } from "./lines.ts";
import { prewarmCommand } from "./prewarm.ts";
import { quarantineCommand } from "./quarantine.ts";
import { refreshCommand } from "./refresh.ts";
import { rulesCommand } from "./rules.ts";
import { secretCommand } from "./secret.ts";
import { sessionsCommand } from "./sessions.ts";
import { eventsCommand, reportCommand, statsCommand } from "./stats.ts";
import { tokensCommand } from "./tokens.ts";
import { trustCommand } from "./trust.ts";
import { upstreamsCommand } from "./upstreams.ts";
import { verdictsCommand } from "./verdicts.ts";
import { webhooksCommand } from "./webhooks.ts";

const COMMANDS = [
  doctorCommand,
  explainCommand,
  rulesCommand,
  imagesCommand,
  refreshCommand,
  deleteCommand,
  prewarmCommand,
  quarantineCommand,
  allowCommand,
  verdictsCommand,
  heldCommand,
  upstreamsCommand,
  webhooksCommand,
  tokensCommand,
  sessionsCommand,
  secretCommand,
  trustCommand,
  lifecycleCommand,
  catalogCommand,
  statsCommand,
  reportCommand,
  eventsCommand,
];

const USAGE_ERROR = 2;

const ABOUT = `
Commands use the cache of npm start, or the one given with
--url https://mirror.example.com. Its secret ADMIN_TOKEN is read from the
environment variable ENTREPOT_ADMIN_TOKEN, or for a cache on this machine from
.dev.vars; it is not taken from an argument, which other users could see.
--json prints the answer of the API, for scripts.

Exit codes:
  0  success, and what was checked is good
  1  refused or failed, or what was checked is bad
  2  wrong usage`;

/** Creates the program anew for each run: a Commander command keeps the options it was given. */
export function program(): Command {
  const all = new Command("npm run entrepot --")
    .description("Inspect and administer an Entrepot cache.")
    .addHelpText("after", ABOUT);
  for (const make of COMMANDS) all.addCommand(make());
  withExamples(all, ["doctor", "explain docker.io/library/alpine:3", "tokens create --help"]);
  settle(all, all.name());
  return all;
}

/** Runs a command and sets the exit code.
 * @param args arguments without Node and the script */
export async function run(args: readonly string[]): Promise<void> {
  try {
    await program().parseAsync(args, { from: "user" });
  } catch (error) {
    process.exitCode = codeOf(error);
  }
}

function codeOf(error: unknown): number {
  // Commander has already printed the error; its exit code 0 means help.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_ERROR;
  if (!(error instanceof Complaint)) throw error;
  for (const line of error.message.split("\n")) complain(`✘ ${line}`);
  return error.code;
}

/** Settings of every command that Commander does not inherit. */
function settle(command: Command, path: string): void {
  command
    .exitOverride()
    .helpOption("-h, --help", "show this help")
    .showHelpAfterError(`  see ${path} --help`)
    .configureOutput({
      writeOut: pages.out,
      writeErr: pages.err,
      outputError: (text, write) => write(text.replace(/^error: /, "✘ ").replace("\n(", " (")),
    });
  if (command.commands.length > 0)
    command.usage("<command>").helpCommand("help [command]", "show the help of a command");
  for (const one of command.commands) settle(one, `${path} ${one.name()}`);
}
