// The test run: one fixture upstream in Node, the Worker and its Durable Objects on workerd beside the tests.

import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { ROBOT } from "./support/wire.ts";

export default defineConfig({
  plugins: [
    cloudflareTest({
      main: "../src/index.ts",
      wrangler: { configPath: "../wrangler.toml" },
      miniflare: {
        bindings: {
          ROBOT: JSON.stringify(ROBOT),
          ROBOT_ACCESS_TOKEN: JSON.stringify({
            username: ROBOT.username,
            accessToken: ROBOT.password,
          }),
          WRONG: JSON.stringify({ username: ROBOT.username, password: "not-it" }),
          IDENTITY: JSON.stringify({ token: "an-identity-token" }),
          MALFORMED: "not JSON at all: s3cret",
        },
      },
    }),
  ],
  cacheDir: "../node_modules/.vite",
  test: {
    root: "test",
    include: ["**/*.test.ts"],
    globalSetup: ["./support/setup.ts"],
    testTimeout: 30_000,
    silent: "passed-only",
  },
});
