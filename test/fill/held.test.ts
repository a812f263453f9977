// A small fill is held by the alarm too, from before anything of it is stored.

import { abortAllDurableObjects, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import type { Env } from "../../src/env.ts";
import { Cache, fixture, repository } from "../support/cache.ts";
import { seedOf } from "../support/fixture.ts";
import { receive } from "../support/transfers.ts";
import { eventually } from "../support/waiting.ts";

it("a slow fill of one segment survives its client and its object", async () => {
  const cache = new Cache();
  const name = repository("slow-small");
  const { digest } = await fixture.blob(name, { seed: seedOf(name), size: 5000 });
  await fixture.fault({ match: { repository: name }, do: { hold: name, after: 10 } });
  const left = cache.fetch(`open/${name}/blobs/${digest}`).catch(() => undefined);
  await fixture.held(name);

  const { BLOB_FILL } = env as unknown as Env;
  const stub = () => BLOB_FILL.get(BLOB_FILL.idFromName(digest)); // one that has failed stays failed
  const alarm = () => runInDurableObject(stub(), (_, state) => state.storage.getAlarm());
  await eventually(async () => expect(await alarm()).not.toBeNull());

  await abortAllDurableObjects();
  await fixture.release(name);
  await runDurableObjectAlarm(stub()); // or the client, who asks again, is first
  await left;
  const received = await receive(cache.fetch(`open/${name}/blobs/${digest}`));
  expect(received).toMatchObject({
    digest,
    cacheStatus: expect.stringMatching(/^entrepot-(r2|edge); hit$/),
  });
});
