// `npm run entrepot -- explain IMAGE`: what would come of a pull, and why, as a story.

import { Complaint, command, openApi, optionsIn } from "./api.ts";

const USAGE = `usage: npm run entrepot -- explain IMAGE [--ns REGISTRY] [--host HOST] [--json]
       IMAGE as a client names it: docker.io/library/alpine:3, or with the cache's host in front, or name@sha256:…
options: --url URL    of the cache; without, the one of npm start. Its ADMIN_TOKEN comes from ENTREPOT_ADMIN_TOKEN
         --ns, --host as a client of containerd's mirrors, or of a host of a rule, asks
ends with 0 where the next pull of somebody who may would be answered, and with 1 where not`;

const SIGNS = { good: "✔", careful: "•", bad: "✘" };

interface Story {
  reference: string;
  status: number;
  steps: { about: string; mark: keyof typeof SIGNS; text: string }[];
}

await command(async () => {
  const [reference = "", ...args] = process.argv.slice(2);
  if (reference === "" || reference.startsWith("--")) throw new Complaint(USAGE, 2);
  const options = optionsIn(args, { url: true, ns: true, host: true, json: false }, USAGE);
  const query = new URLSearchParams({ reference });
  for (const name of ["ns", "host"]) {
    const value = options.get(name);
    if (value !== undefined) query.set(name, value);
  }
  const told = await openApi(options.get("url")).ask<Story>("GET", `/api/explain?${query}`);
  if (options.has("json")) console.log(JSON.stringify(told, undefined, 2));
  else {
    console.log(told.reference);
    for (const { about, mark, text } of told.steps)
      console.log(`${SIGNS[mark]} ${about.padEnd(9)}${text}`);
  }
  if (told.status >= 400) process.exitCode = 1;
});
