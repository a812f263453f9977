// `npm run entrepot -- secret`: creates a secret of the cache, such as ADMIN_TOKEN.

import { randomBytes } from "node:crypto";
import { Command } from "commander";
import { withExamples } from "./command.ts";
import { say } from "./lines.ts";

/** Number of random bytes: 256 bits cannot be guessed. Printed in hexadecimal, which no shell or variables file alters. */
const LENGTH = 32;

export function secretCommand(): Command {
  const command = new Command("secret")
    .summary("create a secret, such as ADMIN_TOKEN")
    .description(
      "Create a random secret for ADMIN_TOKEN, VIEWER_TOKEN, METRICS_TOKEN or SCANNER_TOKEN, and print it alone on standard output. Works offline and stores nothing.",
    );
  return withExamples(command, [
    "secret   keep the output: Cloudflare does not show secrets again",
    "secret   or pipe it, with npm run --silent, into npx wrangler secret put ADMIN_TOKEN",
  ]).action(() => say(randomBytes(LENGTH).toString("hex")));
}
