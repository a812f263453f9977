// `npm run entrepot -- refresh IMAGE …`: asks the registries now what these tags mean.

import { Complaint, command, openApi, optionsIn } from "./api.ts";

const USAGE = `usage: npm run entrepot -- refresh IMAGE [IMAGE …] [--json]   IMAGE as a client names it: docker.io/library/alpine:3
options: --url URL   of the cache; without, the one of npm start. Its ADMIN_TOKEN comes from ENTREPOT_ADMIN_TOKEN
ends with 1 where one could not be refreshed`;

interface Refreshed {
  reference: string;
  digest: string;
  before?: string;
  moved: boolean;
}

await command(async () => {
  const args = process.argv.slice(2);
  const first = args.findIndex((arg) => arg.startsWith("--"));
  const images = first < 0 ? args : args.slice(0, first);
  const options = optionsIn(args.slice(images.length), { url: true, json: false }, USAGE);
  if (images.length === 0) throw new Complaint(USAGE, 2);
  const api = openApi(options.get("url"));
  for (const reference of images) {
    const query = new URLSearchParams({ reference });
    try {
      const told = await api.ask<Refreshed>("POST", `/api/images/refresh?${query}`);
      const how = told.moved
        ? `moved from ${told.before}`
        : told.before
          ? "as it was"
          : "known now";
      console.log(
        options.has("json") ? JSON.stringify(told) : `✔ ${told.reference}  ${told.digest}  ${how}`,
      );
    } catch (error) {
      if (!(error instanceof Complaint)) throw error;
      console.error(`✘ ${reference}: ${error.message}`);
      process.exitCode = 1;
    }
  }
});
