// The test run: one fixture upstream in Node, the Worker and its Durable Objects on workerd beside the tests.

import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { unstable_readConfig } from "wrangler";
import { doorsOf, secretsFor } from "./support/doors.ts";
import { Fixture } from "./support/fixture.ts";
import { ACCESS_KEYS, ROBOT } from "./support/wire.ts";

const WRANGLER = new URL("../wrangler.toml", import.meta.url).pathname;

/** The top level, and those of its environments. */
const ENVIRONMENTS = ["", "staging", "production"];
const deployed = (env: string) =>
  unstable_readConfig({ config: WRANGLER, env }, { hideWarnings: true });

/** Those below, and one that is not there. */
const SECRETS = [
  ...["ROBOT", "ROBOT_ACCESS_TOKEN", "WRONG", "WRONG_TOO", "IDENTITY", "MALFORMED", "MISSING"],
  ...["ECR_KEY", "ECR_WRONG_KEY", "GOOGLE_KEY", "GOOGLE_WRONG_KEY"],
];

const workerd = defineConfig({
  plugins: [
    // A function: the fixture makes the service account's key, and knows its own address, once it has started.
    cloudflareTest(({ inject }) => ({
      main: "../src/index.ts",
      wrangler: { configPath: "../wrangler.toml" },
      miniflare: {
        bindings: {
          ROBOT: JSON.stringify(ROBOT),
          ROBOT_ACCESS_TOKEN: JSON.stringify({
            username: ROBOT.username,
            accessToken: ROBOT.password,
          }),
          SHIPPED: JSON.stringify(deployed("").vars.RULES),
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
    })),
  ],
  test: {
    name: "workerd",
    include: ["**/*.test.ts"],
    exclude: ["node/**"],
    globalSetup: ["./support/setup.ts"],
    setupFiles: ["./support/secrets.ts"],
    testTimeout: 30_000,
  },
});

/** What has to run programs, or to see files. */
const node = defineConfig({
  test: { name: "node", include: ["node/**/*.test.ts"], testTimeout: 60_000 },
});

export default defineConfig({
  cacheDir: "../node_modules/.vite",
  test: {
    root: "test",
    projects: [workerd, node],
    // Each has a workerd of its own; the fixture is of both.
    maxWorkers: 2,
    silent: "passed-only",
  },
});
