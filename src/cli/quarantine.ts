// `npm run entrepot -- quarantine add | list | remove`: digests that a cache gives to nobody.

import { Complaint, command, openApi, optionsIn, subjectIn } from "./api.ts";
import { tableOf, timeOf } from "./words.ts";

const USAGE = `usage: npm run entrepot -- quarantine add DIGEST --reason TEXT   nobody gets it any more, anywhere within a minute
       npm run entrepot -- quarantine list [--json]
       npm run entrepot -- quarantine remove DIGEST
options: --url URL   of the cache; without, the one of npm start. Its ADMIN_TOKEN comes from ENTREPOT_ADMIN_TOKEN`;

interface Entry {
  digest: string;
  reason: string;
  at: string;
  who: string;
}

await command(async () => {
  const [verb = "", ...args] = process.argv.slice(2);
  const [digest = "", rest] = subjectIn(args);
  const options = optionsIn(rest, { url: true, reason: true, json: false }, USAGE);
  const api = openApi(options.get("url"));
  if (verb === "add" && digest !== "") {
    const body = JSON.stringify({ digest, reason: options.get("reason") });
    await api.ask<Entry>("POST", "/api/quarantine", body);
    console.log(`${digest} is in quarantine: nobody gets it any more, anywhere within a minute`);
  } else if (verb === "remove" && digest !== "") {
    await api.ask("DELETE", `/api/quarantine/${encodeURIComponent(digest)}`);
    console.log(`${digest} is out of quarantine`);
  } else if (verb === "list" && digest === "") {
    const told = await api.ask<{ quarantine: Entry[] }>("GET", "/api/quarantine");
    const rows = told.quarantine.map((entry) => [
      entry.digest,
      timeOf(entry.at),
      entry.who,
      entry.reason,
    ]);
    const lines =
      rows.length === 0
        ? ["nothing is in quarantine"]
        : tableOf(["digest", "since", "by", "reason"], rows);
    console.log(options.has("json") ? JSON.stringify(told, undefined, 2) : lines.join("\n"));
  } else throw new Complaint(USAGE, 2);
});
