// The commands that ask a cache, as one program; what it complains of, and what it ends with.

import { Command, CommanderError } from "commander";
import { Complaint } from "./api.ts";
import { catalogCommand } from "./catalog.ts";
import { withExamples } from "./command.ts";
import { deleteCommand } from "./delete.ts";
import { doctorCommand } from "./doctor.ts";
import { explainCommand } from "./explain.ts";
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
import { upstreamsCommand } from "./upstreams.ts";

const COMMANDS = [
  doctorCommand,
  explainCommand,
  rulesCommand,
  imagesCommand,
  refreshCommand,
  deleteCommand,
  prewarmCommand,
  quarantineCommand,
  upstreamsCommand,
  tokensCommand,
  sessionsCommand,
  secretCommand,
  lifecycleCommand,
  catalogCommand,
  statsCommand,
  reportCommand,
  eventsCommand,
];

const USAGE_ERROR = 2;

const ABOUT = `
A cache is the one of npm start, or --url https://mirror.example.com. Its secret
ADMIN_TOKEN comes from the environment variable ENTREPOT_ADMIN_TOKEN, or for a
cache on this machine from .dev.vars; never from an argument, where others would
see it. --json prints what the API answers, for scripts.

Exit codes:
  0  done, or good
  1  refused, failed, or what was asked about is bad
  2  not called right`;

/** Made anew for each run: a command keeps the options that it was given. */
export function program(): Command {
  const all = new Command("npm run entrepot --")
    .description("Asks a cache what it holds and how it is doing, and tells it what to do.")
    .addHelpText("after", ABOUT);
  for (const make of COMMANDS) all.addCommand(make());
  withExamples(all, ["doctor", "explain docker.io/library/alpine:3", "tokens create --help"]);
  settle(all, all.name());
  return all;
}

/** Runs a command, and sets what the process ends with.
 * @param args without Node and the script */
export async function run(args: readonly string[]): Promise<void> {
  try {
    await program().parseAsync(args, { from: "user" });
  } catch (error) {
    process.exitCode = codeOf(error);
  }
}

function codeOf(error: unknown): number {
  // Commander has said it already; 0 is that of help.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_ERROR;
  if (!(error instanceof Complaint)) throw error;
  for (const line of error.message.split("\n")) complain(`✘ ${line}`);
  return error.code;
}

/** What every command does alike, and Commander does not hand down. */
function settle(command: Command, path: string): void {
  command
    .exitOverride()
    .helpOption("-h, --help", "says this")
    .showHelpAfterError(`  ${path} --help says more`)
    .configureOutput({
      writeOut: pages.out,
      writeErr: pages.err,
      outputError: (text, write) => write(text.replace(/^error: /, "✘ ").replace("\n(", " (")),
    });
  if (command.commands.length > 0)
    command.usage("<command>").helpCommand("help [command]", "says what one takes");
  for (const one of command.commands) settle(one, `${path} ${one.name()}`);
}
