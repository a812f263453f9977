// Starts the fixture upstream for a test run, and ends it.

import type { TestProject } from "vitest/node";
import { Fixture } from "./fixture.ts";
import { startUpstream } from "./upstream/server.ts";

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { close, ...ports } = await startUpstream();
  project.provide("ports", ports);
  project.provide("serviceAccount", await new Fixture(ports).serviceAccount("google-key"));
  return close;
}
