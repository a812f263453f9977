// The rules that tests have where they say none: those of every cache, and of the objects, which have the test run's own configuration.

import type { Fixture } from "./fixture.ts";

/** The doors of the fixture as rules: `open/…`, `bearer/…`, and `basic/…` and `robot/…` with credentials.
 * @param path that the upstreams are under
 * @param fields of all the rules */
export function doorsOf(fixture: Fixture, path = "", fields: object = {}) {
  return [
    { prefix: "open", upstream: fixture.url("open") + path, ...fields },
    { prefix: "bearer", upstream: fixture.url("bearer") + path, ...fields },
    { prefix: "basic", upstream: fixture.url("basic") + path, credentials: "ROBOT", ...fields },
    { prefix: "robot", upstream: fixture.url("bearer") + path, credentials: "ROBOT", ...fields },
  ];
}
