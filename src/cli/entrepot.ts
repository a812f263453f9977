// `npm run entrepot -- COMMAND`: the commands that ask a cache, by one name.

import { Complaint, command } from "./api.ts";

/** Command → its file, and what it is for. */
const COMMANDS: Record<string, string> = {
  explain: "what would come of a pull, and why",
  tokens: "pull tokens: create, list, revoke",
  lifecycle: "what would expire, does, and did",
  catalog: "what is cached, and what was counted",
};

const USAGE = [
  "usage: npm run entrepot -- COMMAND …   (each says more when it is called without anything)",
  ...Object.entries(COMMANDS).map(([name, what]) => `  ${name.padEnd(11)}${what}`),
].join("\n");

await command(async () => {
  const [name = "", ...args] = process.argv.slice(2);
  if (!Object.hasOwn(COMMANDS, name)) throw new Complaint(USAGE, 2);
  process.argv.splice(2, process.argv.length, ...args);
  await import(`./${name}.ts`);
});
