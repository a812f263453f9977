// The command line as its users start it: processes of npm's, what they end with, and what they print for scripts. What each command
// does is tested in test/cli.

import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../command.ts";
import { expectEqual, expectMatch } from "../expect.ts";
import { BUSYBOX } from "../images.ts";
import type { Report } from "../report.ts";
import { OFFLINE, type Stage, UP } from "../stage.ts";

const ROOT = join(import.meta.dirname, "../../..");

/** Scripts of package.json, and what they have below them. */
const SCRIPTS = {
  entrepot:
    "doctor explain rules refresh quarantine allow upstreams tokens lifecycle catalog".split(" "),
  tokens: ["create", "list", "revoke"],
  lifecycle: ["preview", "sweep", "runs", "events", "policies", "put", "take-back"],
  catalog: ["show", "rebuild"],
};

const npm = (...[script = "", ...args]: string[]) =>
  run("npm", ["run", "--silent", script, "--", ...args]);

export async function checkCommands({ entrepot, folder }: Stage, report: Report): Promise<void> {
  const url = ["--url", `http://${entrepot.address}`];
  const image = `${UP.prefix}/${BUSYBOX.repository}:${BUSYBOX.tag}`;

  await report.check("--help of every command", async () => {
    for (const [script, below] of Object.entries(SCRIPTS)) {
      const { stdout } = await npm(script, "--help");
      for (const name of below) {
        expectMatch(`help of ${script}`, stdout.toString(), new RegExp(`^  ${name}[ |]`, "m"));
        expectMatch(
          `help of ${name}`,
          (await npm(script, name, "--help")).stdout.toString(),
          /^Usage: npm run entrepot -- .*^Examples:$/ms,
        );
      }
    }
  });

  await report.check("what is not called right ends with 2, and says what is meant", async () => {
    for (const [line, words] of [
      ["entrepot doktor", /^✘ unknown command 'doktor' \(Did you mean doctor\?\)$/m],
      ["tokens list --jsn", /^✘ unknown option '--jsn' \(Did you mean --json\?\)$/m],
      ["entrepot explain", /^✘ missing required argument 'image'$/m],
      ["tokens create ci", /^✘ required option '--repositories <globs>' not specified$/m],
    ] as const)
      await expectEnd(2, line.split(" "), words);
  });

  await report.check("what is bad, or refused, ends with 1", async () => {
    const offline = `${OFFLINE.prefix}/${BUSYBOX.repository}:missing`;
    await expectEnd(1, ["entrepot", "explain", offline, ...url], /^✘ next /m);
    await expectEnd(1, ["tokens", "revoke", "ffffffff", ...url], /begins with ffffffff/);
    await expectEnd(1, ["catalog", "show", "--url", "http://127.0.0.1:1"], /cannot connect to/);
  });

  await report.check("an environment's secrets are checked before they are deployed", async () => {
    await cp(join(ROOT, "wrangler.toml"), join(folder, "wrangler.toml"));
    const checked = async (...secrets: string[]) => {
      await writeFile(join(folder, ".production.vars"), `${secrets.join("\n")}\n`);
      const node = join(ROOT, "node_modules/.bin/node");
      const check = `cd ${folder} && ${node} ${ROOT}/src/cli/check.ts --env production`;
      return run("sh", ["-c", check]).then(
        ({ output }) => output,
        (error: Error) => error.message,
      );
    };
    const hub = 'DOCKER_HUB={"username":"you","password":"nobody-s"}';
    expectMatch("a short token", await checked("ADMIN_TOKEN=short", hub), /at least 32 characters/);
    const long = "ADMIN_TOKEN=an-admin-token-of-nobody-s-at-all-01";
    expectMatch("no password", await checked(long, "DOCKER_HUB={}"), /✘ docker.io: the secret/);
    const dollar = 'DOCKER_HUB={"username":"you","password":"made$HOME-up"}';
    expectMatch("a variable", await checked(long, dollar), /DOCKER_HUB: contains \$/);
    expectMatch(
      "one of the shell's",
      await checked(long, "PATH=x"),
      /PATH: is also set in this shell/,
    );
    expectMatch("without a file", await checked(""), /secret put DOCKER_HUB --env production/);
    expectMatch("both good", await checked(long, hub), /✔ The configuration can be deployed/);
  });

  await report.check("policies are tried, put in force, shown and taken back", async () => {
    const file = join(folder, "policy.json");
    const count = { tagStatus: "any", countType: "imageCountMoreThan", countNumber: 999 };
    const rule = { rulePriority: 1, selection: count, action: { type: "expire" } };
    await writeFile(file, JSON.stringify({ rules: [rule] }));
    const said = async (...args: string[]) =>
      (await npm("lifecycle", ...args, ...url)).stdout.toString();
    expectMatch("tried", await said("preview", "--policy", file, "--in-force"), /would expire/);
    expectMatch("put", await said("put", file), /^all names: set through the API by this machine/);
    expectMatch("shown", await said("policies"), /"countNumber": 999/);
    expectMatch("taken back", await said("take-back"), /^all names: the default/);
  });

  await report.check("--json of every command that reads", async () => {
    for (const line of [
      "entrepot rules list",
      "entrepot rules validate up",
      "entrepot quarantine list",
      "entrepot allow list",
      "entrepot upstreams",
      `entrepot explain ${image}`,
      `entrepot refresh ${image}`,
      "tokens list",
      "lifecycle preview",
      "lifecycle runs",
      "lifecycle events",
      "lifecycle policies",
      "catalog show",
      `entrepot doctor --skip-validate --image ${image}`,
    ]) {
      const { stdout } = await npm(...line.split(" "), ...url, "--json");
      expectEqual(`JSON of ${line}`, typeof JSON.parse(stdout.toString()), "object");
    }
  });
}

async function expectEnd(code: number, args: string[], words: RegExp): Promise<void> {
  const message = await npm(...args).then(
    () => "ended with 0",
    (error: Error) => error.message,
  );
  expectMatch(args.join(" "), message, new RegExp(`ended with ${code}\\b`));
  expectMatch(args.join(" "), message, words);
}
