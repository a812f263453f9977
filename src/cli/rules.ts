// `npm run entrepot -- rules list | validate`: a cache's rules, and whether their upstreams take them.

import { type Api, Complaint, command, openApi, optionsIn, subjectIn } from "./api.ts";
import { tableOf } from "./words.ts";

const USAGE = `usage: npm run entrepot -- rules list [--json]
       npm run entrepot -- rules validate [NAME] [--image IMAGE] [--json]   asks the upstream of each, or of this one, with its
                                               credentials; IMAGE is one that is there, as it is named behind the prefix
options: --url URL   of the cache; without, the one of npm start. Its ADMIN_TOKEN comes from ENTREPOT_ADMIN_TOKEN
validate ends with 1 where a rule is not valid`;

interface Rule {
  name: string;
  prefixes: string[];
  hosts: string[];
  default: boolean;
  upstream: string;
  credentials: string[];
  problem?: string;
}

interface Validation {
  rule: string;
  valid: boolean;
  checks: { check: string; good: boolean; text: string }[];
}

await command(async () => {
  const [verb = "", ...args] = process.argv.slice(2);
  const [name, rest] = subjectIn(args);
  const options = optionsIn(rest, { url: true, image: true, json: false }, USAGE);
  const api = openApi(options.get("url"));
  if (verb === "list" && name === undefined) return list(api, options.has("json"));
  if (verb === "validate") return validate(api, name, options);
  throw new Complaint(USAGE, 2);
});

async function list(api: Api, json: boolean): Promise<void> {
  const told = await api.ask<{ rules: Rule[] }>("GET", "/api/rules");
  if (json) {
    console.log(JSON.stringify(told, undefined, 2));
    return;
  }
  const rows = told.rules.map((rule) => [
    rule.name,
    [...rule.prefixes, ...rule.hosts, ...(rule.default ? ["(default)"] : [])].join(" "),
    rule.upstream,
    rule.credentials.join(" ") || "anonymous",
    rule.problem ?? "",
  ]);
  const head = ["rule", "names", "upstream", "credentials", "problem"];
  for (const line of tableOf(head, rows)) console.log(line);
}

async function validate(
  api: Api,
  name: string | undefined,
  options: Map<string, string>,
): Promise<void> {
  const names =
    name === undefined
      ? (await api.ask<{ rules: Rule[] }>("GET", "/api/rules")).rules.map((rule) => rule.name)
      : [name];
  for (const rule of names) {
    const query = new URLSearchParams({ rule });
    const image = options.get("image");
    if (image !== undefined) query.set("image", image);
    const told = await api.ask<Validation>("POST", `/api/rules/validate?${query}`);
    if (!told.valid) process.exitCode = 1;
    if (options.has("json")) {
      console.log(JSON.stringify(told));
      continue;
    }
    console.log(`${told.valid ? "✔" : "✘"} ${rule}`);
    for (const { check, good, text } of told.checks)
      console.log(`  ${good ? "✔" : "✘"} ${check.padEnd(12)}${text}`);
  }
}
