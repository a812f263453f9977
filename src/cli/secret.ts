// `npm run entrepot -- secret`: makes a secret of the cache's own, such as ADMIN_TOKEN.

import { randomBytes } from "node:crypto";
import { Command } from "commander";
import { withExamples } from "./command.ts";
import { say } from "./lines.ts";

/** Random bytes: 256 bits cannot be guessed. In hexadecimal they are 64 characters, none of which a shell or a file of variables changes. */
const LENGTH = 32;

export function secretCommand(): Command {
  const command = new Command("secret")
    .summary("makes a secret, such as ADMIN_TOKEN")
    .description(
      "Makes a random secret for ADMIN_TOKEN, VIEWER_TOKEN or METRICS_TOKEN, and prints it alone on standard output. Nothing is asked or kept.",
    );
  return withExamples(command, [
    "secret   keep it: Cloudflare shows it to nobody again",
    "secret   with npm run --silent, before | npx wrangler secret put ADMIN_TOKEN",
  ]).action(() => say(randomBytes(LENGTH).toString("hex")));
}
