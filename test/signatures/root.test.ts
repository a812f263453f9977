// The end of the trusted root, where rules need one: in the API, in /metrics and in what the doctor says.

import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { bearer, shutCache, VIEWER } from "../support/access.ts";
import { fixture } from "../support/cache.ts";
import { cli, URL_OF_CACHE } from "../support/cli.ts";
import keyless from "./keyless.json" with { type: "json" };

const images = ["**"];
const pem = generateKeyPairSync("ec", { namedCurve: "P-256" })
  .publicKey.export({ type: "spki", format: "pem" })
  .toString();
const KEYLESS = { images, issuer: keyless.issuer, identity: keyless.identity };

const cacheWith = (entry: object | undefined, over: object = {}) =>
  shutCache({
    RULES: [{ prefix: "p", upstream: fixture.url("open"), ...(entry && { verify: [entry] }) }],
    KEY: pem,
    ...over,
  });
const asked = async (entry: object | undefined, over: object = {}) => {
  const cache = cacheWith(entry, over);
  const headers = bearer(VIEWER);
  const about = await (await cache.ask("https://cache.example/api/about", { headers })).json();
  const metrics = await (await cache.ask("https://cache.example/metrics", { headers })).text();
  const [, end] = /^entrepot_trusted_root_end_timestamp_seconds (\S+)$/m.exec(metrics) ?? [];
  return { root: (about as { trustedRoot?: object }).trustedRoot, end: end && Number(end) };
};
/** The root of the tests, whose certificate log ends then. */
const ending = (end: number) => ({
  TRUSTED_ROOT: {
    ...keyless.root,
    ctlogs: keyless.root.ctlogs.map((log) => ({
      ...log,
      publicKey: { ...log.publicKey, validFor: { end: new Date(end).toISOString() } },
    })),
  },
});
const DAY = 86_400_000;

describe("the end of the trusted root", () => {
  it("is told where a rule has keyless signers, or keys that are logged", async () => {
    const ends = "2031-10-05T13:56:58.000Z";
    for (const entry of [KEYLESS, { images, key: "KEY", log: true }])
      expect(await asked(entry)).toEqual({
        root: { ends, endsSoon: false },
        end: Date.parse(ends) / 1_000,
      });
  });

  it("is not told where none needs it", async () => {
    for (const entry of [undefined, { images, key: "KEY" }])
      expect(await asked(entry)).toEqual({ root: undefined, end: undefined });
  });

  it("is of the configured root, and soon from 30 days before", async () => {
    const near = Date.now() + 29 * DAY;
    expect((await asked(KEYLESS, ending(near))).root).toEqual({
      ends: new Date(near).toISOString(),
      endsSoon: true,
    });
    const far = Date.now() + 31 * DAY;
    expect((await asked(KEYLESS, ending(far))).root).toMatchObject({ endsSoon: false });
  });

  it("is what the doctor warns of", async () => {
    const saidOf = async (end: number) => {
      const cache = cacheWith(KEYLESS, ending(end));
      const { out } = await cli(
        ["doctor", "--skip-validate", "--json", "--url", URL_OF_CACHE],
        (request) => cache.ask(request.url, request),
      );
      const { findings } = JSON.parse(out) as { findings: { mark: string; text: string }[] };
      return findings.filter(({ text }) => text.includes("trusted root"));
    };
    const near = Date.now() + 5 * DAY;
    const day = new Date(near).toISOString().slice(0, 10);
    expect(await saidOf(near)).toEqual([
      {
        mark: "careful",
        text: `the trusted root of keyless signatures ends on ${day}: renew it with npm run entrepot -- trust update, and deploy`,
      },
    ]);
    const [said] = await saidOf(Date.now() + 60 * DAY);
    expect(said).toMatchObject({ mark: "good" });
  });
});
