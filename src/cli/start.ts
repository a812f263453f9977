// `npm start`: runs the cache on this machine, on workerd with local storage. Passes its arguments to wrangler, and prints a summary
// once the cache answers.

import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { alpineIn } from "../config/docker-hub.ts";
import { namesOf } from "../config/names.ts";
import { ConfigError, readConfig } from "../config/read.ts";
import type { Rule } from "../config/rule.ts";
import { isLoopback } from "../config/upstream.ts";
import { localSecrets } from "./secrets.ts";
import { deployedVariables, option, variablesIn } from "./settings.ts";

const HOUR = 60 * 60_000;
/** Path of the local server that runs the Worker's `scheduled` handler. */
const CRON = "/cdn-cgi/handler/scheduled";

/** Option for containers and CI: sets AUTH.insecureHttp for this run, which allows pulls over http from private addresses. */
const INSECURE = "--insecure-http";

/** Address that commands use without --url (src/cli/api.ts). */
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

// The API needs no authentication if only this machine can reach it (src/http/admin/admin.ts).
const admin = isLoopback(host) ? ["--var", "LOCAL_ADMIN:true"] : [];
// Counts reach the catalog sooner than in a deployment: with a single isolate that is cheap, and users look right after a pull.
const soon = "REPORT_EVERY" in variablesIn(args) ? [] : ["--var", "REPORT_EVERY:200ms"];
// Only failures are logged: a line per request costs a deployment next to nothing, but a local run nearly half its speed.
const log = "LOG" in { ...localSecrets(), ...variablesIn(args) } ? [] : ["--var", "LOG:failures"];
// AUTH of wrangler.toml is for the deployment and is not used here. Unless .dev.vars or --var sets it, anyone who can reach the cache
// may pull: only this machine, unless `--ip` opens it to others.
const isSaid = "AUTH" in { ...localSecrets(), ...variablesIn(args) };
const open = isSaid ? [] : ["--var", `AUTH:${JSON.stringify(OPEN)}`];
if (isSaid && isInsecure)
  console.error(`✘ ${INSECURE} has no effect when AUTH is set: set insecureHttp = true in AUTH`);
// wrangler.toml has environments; the empty name selects its top level.
const environment = option(args, "env") === undefined ? ["--env="] : [];
const defaults = [
  ...environment,
  ...admin,
  ...soon,
  ...log,
  ...open,
  // Otherwise wrangler rewrites the host of every request to that of the routes in wrangler.toml.
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
  // No network requests at startup, so that it works offline. And no explorer page of the simulator: it can read and write everything
  // stored, and also answers other machines on the network that send `Host: 127.0.0.1`.
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
// Cron triggers do not fire locally, so the hourly sweep is started from here.
setInterval(sweep, HOUR).unref();

async function sweep(): Promise<void> {
  try {
    const response = await fetch(`http://${host}:${port}${CRON}`);
    await response.body?.cancel();
    if (!response.ok) console.error("✘ the hourly sweep failed; see the log above");
  } catch (error) {
    console.error(`✘ could not start the hourly sweep: ${(error as Error).message}`);
  }
}

function isOption(arg: string, before: string | undefined): boolean {
  const own = /^--(ip|port)$/;
  return own.test(arg) || /^--(ip|port)=/.test(arg) || (before !== undefined && own.test(before));
}

/** Waits until the cache answers with any status; the summary reports an unusable configuration. */
async function ready(url: string): Promise<void> {
  for (;;) {
    try {
      const { headers } = await fetch(url);
      if (headers.has("Docker-Distribution-Api-Version")) return;
    } catch {
      // Not listening yet. If wrangler exits, so does this process.
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
        ? `  pulls need no authentication${isLoopback(host) ? "; only this machine can reach it" : ""}`
        : `  pulls need a token: npm run tokens -- create me --repositories '*'${named}`,
    );
    for (const { rule, problem } of rules) {
      lines.push(
        `  ${namesOf(rule)} → ${rule.upstream.host}${problem ? `  NOT USABLE: ${problem}` : ""}`,
      );
    }
    if (!isLoopback(host))
      lines.push(
        auth.insecureHttp
          ? "  over http, private addresses may pull without a login; everything else is limited to 127.0.0.1"
          : `  over http only 127.0.0.1 is served; ${INSECURE} lets containers pull by a private address`,
      );
    lines.push(
      `  the console: http://${here}/`,
      "Try it:",
      `  docker pull ${here}/${example(rules.filter(({ problem }) => !problem).map(({ rule }) => rule))}`,
      "See what would expire:",
      `  npm run lifecycle -- preview${named}`,
      "",
    );
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    lines.push("Every request is answered with 500, because the configuration cannot be used:");
    for (const problem of error.problems) lines.push(`  ${problem}`);
  }
  return lines.join("\n");
}

/** An image that can be pulled, or a placeholder for one. */
function example(rules: readonly Rule[]): string {
  const alpine = alpineIn(rules.map((rule) => ({ ...rule, upstream: rule.upstream.base })));
  if (alpine !== undefined) return alpine;
  const prefixed = rules.find(({ prefixes }) => prefixes.length > 0);
  return prefixed ? `${prefixed.prefixes[0]}/<image>:<tag>` : "<image>:<tag>";
}
