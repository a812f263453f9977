// What an isolate has served: counted by layer, told once in ten seconds.

import { afterEach, describe, expect, it, vi } from "vitest";
import { Served } from "../../src/pull/served.ts";
import { Cache, fixture, repository } from "../support/cache.ts";
import { receive } from "../support/transfers.ts";

afterEach(() => vi.restoreAllMocks());

describe("counts", () => {
  it("are reported ten seconds after the first request, and start again at zero", () => {
    const served = new Served();
    expect(served.flush(1000)).toBeUndefined();
    served.answer("blob", { hit: "edge" });
    served.answer("blob", { hit: "edge" });
    served.answer("blob", { fwd: "uri-miss", stored: true });
    served.answer("manifest", { instead: 429 });
    served.answer("list", { hit: "object" });
    served.segment("edge", 100);
    served.segment("edge", 23);
    served.copy();
    expect(served.flush(10_999)).toBeUndefined();
    expect(served.flush(11_000)).toEqual({
      answers: { blob: { edge: 2, upstream: 1 }, manifest: { stale: 1 }, list: { object: 1 } },
      segments: { edge: { opened: 2, bytes: 123 } },
      copies: 1,
    });
    served.answer("manifest", { passing: 3 });
    expect(served.flush(20_999)).toBeUndefined();
    expect(served.flush(21_000)).toEqual({
      answers: { manifest: { stale: 1 } },
      segments: {},
      copies: 0,
    });
  });

  it("are not reported when they are zero", () => {
    const served = new Served();
    served.flush(0);
    expect(served.flush(100_000)).toBeUndefined();
  });
});

it("the log has what was served, by layer", async () => {
  const name = repository("served");
  const { digest, layers } = await fixture.image(name, "1", { layers: [1000] });
  const cache = new Cache();
  const paths = [`manifests/${digest}`, `blobs/${layers[0]?.digest}`];
  for (const path of [...paths, ...paths]) {
    await receive(cache.fetch(`open/${name}/${path}`));
    await cache.settled();
  }
  const log = vi.spyOn(console, "log");
  const now = Date.now.bind(Date);
  vi.spyOn(Date, "now").mockImplementation(() => now() + 10_000);
  await receive(cache.fetch(`open/${name}/manifests/${digest}`));
  const lines = log.mock.calls.map(([line]) => JSON.parse(line));
  expect(lines.filter(({ message }) => message === "entrepot: served")).toEqual([
    {
      message: "entrepot: served",
      answers: { manifest: { upstream: 1, memory: 1 }, blob: { upstream: 1, edge: 1 } },
      segments: { r2: { opened: 1, bytes: 1000 }, edge: { opened: 1, bytes: 1000 } },
      copies: 1,
    },
  ]);
});
