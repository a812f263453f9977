// The rules that tests have where they say none: those of every cache, and of the objects, which have the test run's own configuration.

import type { Fixture } from "./fixture.ts";

/** The doors of the fixture as rules: `open/…`, `bearer/…`, and `basic/…` and `robot/…` with credentials.
 * @param path that the upstreams are under
 * @param fields of all the rules */
export function doorsOf(fixture: Fixture, path = "", fields: object = {}) {
  const bearer = { upstream: fixture.url("bearer") + path, realm: fixture.host("token") };
  return [
    { prefix: "open", upstream: fixture.url("open") + path, ...fields },
    { prefix: "bearer", ...bearer, ...fields },
    { prefix: "basic", upstream: fixture.url("basic") + path, credentials: "ROBOT", ...fields },
    { prefix: "robot", ...bearer, credentials: "ROBOT", ...fields },
  ];
}

/** SECRETS for the objects, which read the test run's own configuration and not that of a test's cache: each of these secrets may go
 * anywhere in the fixture. */
export function secretsFor(fixture: Fixture, names: readonly string[]): Record<string, string[]> {
  const hosts = (["open", "bearer", "basic", "token", "aws", "google"] as const).flatMap(
    (server) => {
      const { port } = new URL(fixture.url(server));
      return [`127.0.0.1:${port}`, `localhost:${port}`];
    },
  );
  const everywhere = hosts.flatMap((host) => [`http://${host}`, `https://${host}`]);
  return Object.fromEntries(names.map((name) => [name, everywhere]));
}
