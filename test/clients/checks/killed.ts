// Entrepot killed with -9 in the middle of a cold pull, and started again on the same storage; at last offline.

import { expectEqual, expectMatch, expectSilence } from "../expect.ts";
import { BIG } from "../images.ts";
import type { Descriptor } from "../layers.ts";
import type { Report } from "../report.ts";
import type { Stage } from "../stage.ts";
import { blobAt, urlOf } from "../upstream.ts";

/** After so many bytes: the fill is ahead of its client, but not at its end. */
const ENOUGH = 10_000_000;

export async function checkKilled(stage: Stage, report: Report): Promise<void> {
  const layer = stage.images.big[2] as Descriptor;
  const place = (address: string) => `${address}/up/${BIG.repository}`;

  await report.check(
    "kill -9 in the middle of a cold 300 MB pull, then the pull again",
    async () => {
      const first = await stage.startEntrepot("killed");
      const url = urlOf(place(first.address), "blobs", layer.digest);
      await pullAndKill(url, first.kill);
      const second = await stage.startEntrepot("killed");
      const asked = await stage.open.log.during(async () => {
        const { digest, size } = await blobAt(place(second.address), layer.digest);
        expectEqual("size", size, layer.size);
        expectEqual("digest of the bytes", digest, layer.digest);
      });
      await second.kill();
      const again = asked.reduce((sum, { written }) => sum + written, 0);
      expectEqual("the kill came before the fill's end", again > 0, true);
      expectEqual("the fill went on from what it had stored", again < layer.size, true);
      return `${again} of ${layer.size} bytes were asked for afterwards`;
    },
  );

  await report.check(
    "started again with OFFLINE: what is here is served, and no more",
    async () => {
      const third = await stage.startEntrepot("killed", { OFFLINE: true });
      const asked = await stage.open.log.during(async () => {
        const init = { headers: { Range: "bytes=-1000" } };
        const { size } = await blobAt(place(third.address), layer.digest, init);
        expectEqual("size of what is here", size, 1000);
        const missing = await fetch(urlOf(place(third.address), "manifests", BIG.tag));
        expectEqual("status of what is not", missing.status, 404);
        expectMatch("its message", await missing.text(), /offline/);
      });
      expectSilence(asked);
      await third.kill();
    },
  );
}

/** The transfer must break: one that ended as if it were whole would be taken for the blob. */
async function pullAndKill(url: string, kill: () => Promise<void>): Promise<void> {
  let size = 0;
  let killed: Promise<void> | undefined;
  try {
    const response = await fetch(url);
    for await (const chunk of response.body ?? []) {
      size += chunk.byteLength;
      if (size >= ENOUGH) killed ??= kill();
    }
  } catch (error) {
    if (!killed)
      throw new Error(`broken off before the kill, after ${size} bytes`, { cause: error });
    return killed;
  }
  throw new Error(`the transfer ended cleanly after ${size} bytes`);
}
