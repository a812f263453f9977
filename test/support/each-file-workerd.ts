// Setup of every test file on workerd: files share a runtime, and each begins with empty storage and with Durable Objects that have just started.

import { reset } from "cloudflare:test";
import { beforeAll } from "vitest";

beforeAll(async () => {
  await reset();
});
