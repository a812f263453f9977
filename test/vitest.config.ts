// Test projects: `unit` and `node` run in Node, `core`, `thorough` and `isolated` on workerd, beside the Worker and its Durable Objects. test/README.md
// says which suite belongs where.

import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { unstable_getMiniflareWorkerOptions, unstable_readConfig } from "wrangler";
import { ISOLATED, NODE, THOROUGH, UNIT } from "./projects.ts";
import { doorsOf, secretsFor } from "./support/doors.ts";
import { Fixture } from "./support/fixture.ts";
import { ACCESS_KEYS, ROBOT } from "./support/wire.ts";

const WRANGLER = new URL("../wrangler.toml", import.meta.url).pathname;

/** The top level, and those of its environments. */
const ENVIRONMENTS = ["", "staging", "production"];
const deployed = (env: string) =>
  unstable_readConfig({ config: WRANGLER, env }, { hideWarnings: true });

const { vars } = deployed("");
/** Without the variables, which are taken from wrangler.toml alone: wrangler would add the developer's own .dev.vars or .env. */
const { bindings: _, ...workerOptions } = unstable_getMiniflareWorkerOptions(
  deployed(""),
).workerOptions;

/** Those below, and one that is not there. */
const SECRETS = [
  ...["ROBOT", "ROBOT_ACCESS_TOKEN", "WRONG", "WRONG_TOO", "IDENTITY", "MALFORMED", "MISSING"],
  ...["ECR_KEY", "ECR_WRONG_KEY", "GOOGLE_KEY", "GOOGLE_WRONG_KEY"],
];

/** A function: the fixture makes the service account's key, and knows its own address, once it has started. */
const worker = () =>
  cloudflareTest(({ inject }) => ({
    main: "../src/index.ts",
    miniflare: {
      ...workerOptions,
      bindings: {
        ...vars,
        ROBOT: JSON.stringify(ROBOT),
        ROBOT_ACCESS_TOKEN: JSON.stringify({
          username: ROBOT.username,
          accessToken: ROBOT.password,
        }),
        SHIPPED: JSON.stringify(vars.RULES),
        DEPLOYED: JSON.stringify(ENVIRONMENTS.map(deployed)),
        RULES: JSON.stringify(doorsOf(new Fixture(inject("ports")))),
        SECRETS: JSON.stringify(secretsFor(new Fixture(inject("ports")), SECRETS)),
        REPORT_EVERY: "0s",
        AUTH: JSON.stringify({ mode: "open", acknowledgeOpen: true }),
        WRONG: JSON.stringify({ username: ROBOT.username, password: "not-it" }),
        WRONG_TOO: JSON.stringify({ username: "somebody", password: "not-it" }),
        IDENTITY: JSON.stringify({ token: "an-identity-token" }),
        MALFORMED: "not JSON at all: s3cret",
        ECR_KEY: JSON.stringify(ACCESS_KEYS.lasting),
        ECR_WRONG_KEY: JSON.stringify({ ...ACCESS_KEYS.lasting, secretAccessKey: "not-it" }),
        GOOGLE_KEY: JSON.stringify(inject("serviceAccount")),
        GOOGLE_WRONG_KEY: JSON.stringify({
          ...inject("serviceAccount"),
          client_email: "nobody@fixture.iam.gserviceaccount.com",
        }),
      },
    },
  }));

const TIMEOUTS = { testTimeout: 30_000, hookTimeout: 30_000 };
/** Starting a runtime takes longer than most suites: a worker keeps it for all its files (support/each-file-workerd.ts). */
const SHARED = { ...TIMEOUTS, isolate: false };
const WORKERD = {
  ...SHARED,
  setupFiles: ["./support/each-file-workerd.ts", "./support/each-file.ts"],
};

export default defineConfig({
  cacheDir: "../node_modules/.vite",
  test: {
    root: "test",
    // The fixture upstream is of all projects.
    globalSetup: ["./support/setup.ts"],
    // On two cores: one more than cores, since many tests wait.
    maxWorkers: 3,
    silent: "passed-only",
    projects: [
      { test: { ...SHARED, name: "unit", include: UNIT, setupFiles: ["./support/each-file.ts"] } },
      {
        plugins: [worker()],
        test: {
          ...WORKERD,
          name: "core",
          include: ["**/*.test.ts"],
          exclude: [...UNIT, ...ISOLATED, ...THOROUGH, ...NODE],
          sequence: { groupOrder: 1 },
        },
      },
      {
        plugins: [worker()],
        test: { ...WORKERD, name: "thorough", include: THOROUGH, sequence: { groupOrder: 2 } },
      },
      {
        plugins: [worker()],
        test: {
          ...WORKERD,
          isolate: true,
          name: "isolated",
          include: ISOLATED,
          sequence: { groupOrder: 3 },
        },
      },
      {
        test: {
          ...TIMEOUTS,
          testTimeout: 60_000,
          name: "node",
          include: NODE,
          // Beside the isolated ones: neither has work for all workers.
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
