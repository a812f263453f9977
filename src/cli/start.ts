// `npm start`: the cache on this machine, on workerd with embedded storage. Passes its arguments on to wrangler, and
// says what is running once it answers.

import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { hasOfficialImages } from "../config/docker-hub.ts";
import { namesOf } from "../config/names.ts";
import { ConfigError, readConfig } from "../config/read.ts";
import type { Rule } from "../config/rule.ts";
import { isLoopback } from "../config/upstream.ts";
import { localSecrets } from "./secrets.ts";
import { deployedVariables, option, variablesIn } from "./settings.ts";

const HOUR = 60 * 60_000;
/** The local server's door to the Worker's `scheduled` handler. */
const CRON = "/cdn-cgi/handler/scheduled";

/** For containers and CI: pulls over http from private addresses, which is AUTH.insecureHttp of this run. */
const INSECURE = "--insecure-http";

/** Where the commands ask without --url (src/cli/api.ts). */
const LOCAL_ADDRESS = { host: "127.0.0.1", port: "8787" };

const given = process.argv.slice(2);
const args = given.filter((arg) => arg !== INSECURE);
const isInsecure = given.includes(INSECURE);
const OPEN = { mode: "open", acknowledgeOpen: true, ...(isInsecure && { insecureHttp: true }) };
const host = option(args, "ip") ?? LOCAL_ADDRESS.host;
const port = option(args, "port") ?? LOCAL_ADDRESS.port;
const wrangler = join(
  dirname(createRequire(import.meta.url).resolve("wrangler/package.json")),
  "bin/wrangler.js",
);

// The API is open to this machine, if nobody else can reach it (src/http/admin.ts).
const admin = isLoopback(host) ? ["--var", "LOCAL_ADMIN:true"] : [];
// Here is one isolate, and somebody who looks at once at what came of his pull: the catalog is told sooner than in a deployment.
const soon = "REPORT_EVERY" in variablesIn(args) ? [] : ["--var", "REPORT_EVERY:200ms"];
// A line a request costs a deployment next to nothing, and this terminal nearly half the speed: here failures alone have one.
const log = "LOG" in { ...localSecrets(), ...variablesIn(args) } ? [] : ["--var", "LOG:failures"];
// Who may pull here is said by what this machine is told alone: wrangler.toml speaks of the deployment. Without a word of it everybody
// may who can reach it: on loopback, unless `--ip` says otherwise.
const isSaid = "AUTH" in { ...localSecrets(), ...variablesIn(args) };
const open = isSaid ? [] : ["--var", `AUTH:${JSON.stringify(OPEN)}`];
if (isSaid && isInsecure)
  console.error(`✘ ${INSECURE} is for a run without AUTH: write insecureHttp = true into AUTH`);
// wrangler.toml has environments: without a word of one it is its top level that runs here.
const environment = option(args, "env") === undefined ? ["--env="] : [];
const defaults = [
  ...environment,
  ...admin,
  ...soon,
  ...log,
  ...open,
  // With routes in wrangler.toml every request would seem to come to their host.
  "--infer-origin-from-routes=false",
  "--ip",
  host,
  "--port",
  port,
  "--show-interactive-dev-session=false",
];
const passed = args.filter((arg, at) => !isOption(arg, args[at - 1]));
const child = spawn(process.execPath, [wrangler, "dev", ...defaults, ...passed], {
  stdio: ["ignore", "inherit", "inherit"],
  // No look-ups on the network: the cache starts without one. And no page of the simulator's own: it reads and writes all that is stored, and
  // a neighbour on the network that says `Host: 127.0.0.1` is answered.
  env: {
    ...process.env,
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    WRANGLER_SEND_METRICS: "false",
    X_LOCAL_EXPLORER: "false",
  },
});
child.on("exit", (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => child.kill(signal));

await ready(`http://${host}:${port}/v2/`);
console.log(summary());
// Cron triggers are not fired locally: what expires is looked after from here.
setInterval(sweep, HOUR).unref();

async function sweep(): Promise<void> {
  try {
    const response = await fetch(`http://${host}:${port}${CRON}`);
    await response.body?.cancel();
    if (!response.ok) console.error("✘ the hourly sweep failed; what it said is above");
  } catch (error) {
    console.error(`✘ the hourly sweep was not begun: ${(error as Error).message}`);
  }
}

function isOption(arg: string, before: string | undefined): boolean {
  const own = /^--(ip|port)$/;
  return own.test(arg) || /^--(ip|port)=/.test(arg) || (before !== undefined && own.test(before));
}

/** Until the cache answers there, whatever it says: a wrong configuration is told below. */
async function ready(url: string): Promise<void> {
  for (;;) {
    try {
      const { headers } = await fetch(url);
      if (headers.has("Docker-Distribution-Api-Version")) return;
    } catch {
      // Not listening yet; wrangler's end ends this.
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function summary(): string {
  const address = `${host}:${port}`;
  const here = address.replace("0.0.0.0", "127.0.0.1");
  const lines = ["", `Entrepot, a registry cache, on http://${address}`];
  const named =
    address === `${LOCAL_ADDRESS.host}:${LOCAL_ADDRESS.port}` ? "" : ` --url http://${here}`;
  try {
    const variables = {
      ...deployedVariables(option(args, "env")),
      AUTH: OPEN,
      ...localSecrets(),
      ...variablesIn(args),
    };
    const { rules, auth } = readConfig(variables);
    lines.push(
      auth.mode === "open"
        ? `  everybody who can reach it may pull${isLoopback(host) ? ": nobody but this machine" : ""}`
        : `  whoever has a token may pull: npm run tokens -- create me --repositories '*'${named}`,
    );
    for (const { rule, problem } of rules) {
      lines.push(
        `  ${namesOf(rule)} → ${rule.upstream.host}${problem ? `  NOT USABLE: ${problem}` : ""}`,
      );
    }
    if (!isLoopback(host))
      lines.push(
        auth.insecureHttp
          ? "  over http private addresses may pull what wants no login; all else is for 127.0.0.1"
          : `  over http it answers 127.0.0.1 alone: with ${INSECURE} containers can pull by a private address`,
      );
    lines.push(
      `  the console: http://${here}/`,
      "Try it:",
      `  docker pull ${here}/${example(rules.filter(({ problem }) => !problem).map(({ rule }) => rule))}`,
      "What would expire:",
      `  npm run lifecycle -- preview${named}`,
      "",
    );
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    lines.push("It answers every request with 500, because its configuration cannot be used:");
    for (const problem of error.problems) lines.push(`  ${problem}`);
  }
  return lines.join("\n");
}

/** An image that can be pulled, or what its name looks like. */
function example(rules: readonly Rule[]): string {
  const hub = rules.find((rule) => hasOfficialImages(rule) && rule.prefixes.length > 0);
  if (hub) return `${hub.prefixes[0]}/library/alpine:latest`;
  const prefixed = rules.find(({ prefixes }) => prefixes.length > 0);
  return prefixed ? `${prefixed.prefixes[0]}/<image>:<tag>` : "<image>:<tag>";
}
