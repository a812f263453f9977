// Cold blobs: a crowd that asks for one at the same moment, and ranges of one that is not here yet.

import type { Asked } from "../access-log.ts";
import { render } from "../access-log.ts";
import { expectEqual } from "../expect.ts";
import { BIG, RANGED } from "../images.ts";
import type { Descriptor } from "../layers.ts";
import type { Report } from "../report.ts";
import type { Stage } from "../stage.ts";
import { blobAt } from "../upstream.ts";

const CROWD = 20;

/** Before all that would make these blobs warm. */
export async function checkCold(stage: Stage, report: Report): Promise<void> {
  const { open, entrepot, images } = stage;
  const here = `${entrepot.address}/up`;
  const layer = images.big[1] as Descriptor;

  await report.check(
    `${CROWD} clients, one cold 10 MB blob: each byte is asked for once`,
    async () => {
      const asked = await open.log.during(async () => {
        const crowd = Array.from({ length: CROWD }, () =>
          blobAt(`${here}/${BIG.repository}`, layer.digest),
        );
        for (const { digest, response } of await Promise.all(crowd)) {
          expectEqual("digest of the bytes", digest, layer.digest);
          expectEqual("Content-Length", response.headers.get("content-length"), String(layer.size));
        }
      });
      return expectAskedOnce(asked, layer);
    },
  );

  const place = `${here}/${RANGED.repository}`;
  const upstream = `${open.address}/${RANGED.repository}`;
  const { digest, size } = images.ranged;
  const range = async (wanted: string, first: number, last: number) => {
    const init = { headers: { Range: wanted } };
    const ours = await blobAt(place, digest, init);
    expectEqual(`status of ${wanted}`, ours.response.status, 206);
    const span = `bytes ${first}-${last}/${size}`;
    expectEqual("Content-Range", ours.response.headers.get("content-range"), span);
    expectEqual("Content-Length", ours.response.headers.get("content-length"), String(ours.size));
    expectEqual("hash of the range", ours.digest, (await blobAt(upstream, digest, init)).digest);
  };
  const ranges = async () => {
    await range("bytes=40000000-40099999", 40_000_000, 40_099_999);
    // Across the border of two segments of 8 MiB.
    await range("bytes=8388600-8388620", 8_388_600, 8_388_620);
    await range("bytes=-1000", size - 1000, size - 1);
    await range(`bytes=${size - 20_000_000}-`, size - 20_000_000, size - 1);
  };
  await report.check("ranges of a cold blob, the first one far ahead", ranges);

  await report.check("the cold blob is whole afterwards", async () => {
    expectEqual("digest of the bytes", (await blobAt(place, digest)).digest, digest);
  });

  await report.check("ranges of the same blob, warm", async () => {
    await ranges();
    const { response } = await blobAt(place, digest, { method: "HEAD" });
    expectEqual("Accept-Ranges", response.headers.get("accept-ranges"), "bytes");
  });

  await report.check("a range beyond the end is 416, with the right length", async () => {
    const url = `http://${entrepot.address}/v2/up/${RANGED.repository}/blobs/${digest}`;
    const answer = await fetch(url, { headers: { Range: `bytes=${size}-` } });
    await answer.body?.cancel();
    expectEqual("status", answer.status, 416);
    expectEqual("Content-Range", answer.headers.get("content-range"), `bytes */${size}`);
  });
}

/** The log does not show ranges; but whoever has all bytes from a sum of exactly the size has asked for none twice. */
function expectAskedOnce(asked: Asked[], { digest, size }: Descriptor): string {
  const gets = asked.filter(({ method, path }) => method === "GET" && path.includes(digest));
  const written = gets.reduce((sum, get) => sum + get.written, 0);
  if (written !== size)
    throw new Error(`${written} bytes were sent, not ${size}:\n${render(asked)}`);
  return `${gets.length} GET, ${written} bytes`;
}
