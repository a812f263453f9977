// `npm run entrepot -- COMMAND`: the commands that ask a cache, by one name.

import { Complaint, command } from "./api.ts";

interface Command {
  what: string;
  run(): Promise<unknown>;
}

const COMMANDS: Record<string, Command> = {
  doctor: { what: "looks a deployment over, and pulls an image", run: () => import("./doctor.ts") },
  explain: { what: "what would come of a pull, and why", run: () => import("./explain.ts") },
  rules: {
    what: "the rules, and whether their upstreams take them",
    run: () => import("./rules.ts"),
  },
  refresh: {
    what: "asks the registries now what tags mean",
    run: () => import("./refresh.ts"),
  },
  quarantine: {
    what: "digests that nobody gets: add, list, remove",
    run: () => import("./quarantine.ts"),
  },
  upstreams: { what: "how the upstreams stand", run: () => import("./upstreams.ts") },
  tokens: { what: "pull tokens: create, list, revoke", run: () => import("./tokens.ts") },
  lifecycle: { what: "what would expire, does, and did", run: () => import("./lifecycle.ts") },
  stats: { what: "what was counted", run: () => numbers("statsCommand") },
  report: { what: "what it saved, and costs", run: () => numbers("reportCommand") },
  events: { what: "what happened", run: () => numbers("eventsCommand") },
  catalog: { what: "what is cached, and what was counted", run: () => import("./catalog.ts") },
};

async function numbers(name: "statsCommand" | "reportCommand" | "eventsCommand") {
  return (await import("./stats.ts"))[name]().parseAsync();
}

const USAGE = [
  "usage: npm run entrepot -- COMMAND …   (each says more when it is called without anything)",
  ...Object.entries(COMMANDS).map(([name, { what }]) => `  ${name.padEnd(11)}${what}`),
].join("\n");

await command(async () => {
  const [name = "", ...args] = process.argv.slice(2);
  const chosen = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!chosen) throw new Complaint(USAGE, 2);
  process.argv.splice(2, process.argv.length, ...args);
  await chosen.run();
});
