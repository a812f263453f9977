// Warm pulls, of one large blob and of an image, by one client and by twenty at once: Entrepot from the edge and from R2, each
// beside a bare Worker on the same store, and beside docker-registry.

import { time } from "../client.ts";
import { type Row, seconds, times } from "../rows.ts";
import { alternate, median } from "../samples.ts";
import { type FreshBlob, MB, type Stage } from "../stage.ts";
import { fill, type Name, type Side, staysWarm, warmSides } from "../warmed.ts";

const LOADS = [
  { what: "200 MB", sizes: [200 * MB] },
  { what: "image of 10 × 20 MB", sizes: Array<number>(10).fill(20 * MB) },
];
/** A crowd's sample is 4 GB a side: fewer of them keep the part within minutes. */
const CROWDS = [
  { clients: 1, rounds: 7, who: "1 client" },
  { clients: 20, rounds: 2, who: "20 clients at once, 2 rounds" },
];
/** How many blobs a client pulls at once, as docker and containerd do. */
const AT_ONCE = 3;

export async function warm(stage: Stage): Promise<Row[]> {
  const sides = await warmSides(stage);
  const rows: Row[] = [];
  for (const { what, sizes } of LOADS) {
    const blobs: FreshBlob[] = [];
    for (const size of sizes) {
      const blob = await stage.blob(size);
      await fill(stage, sides, blob);
      blobs.push(blob);
    }
    for (const { clients, rounds, who } of CROWDS) {
      const come = (side: Side) => () => wall(side, blobs, clients);
      const samples = await staysWarm(stage, sides, blobs, () =>
        alternate(rounds, {
          edge: come(sides.edge),
          bareCache: come(sides.bareCache),
          r2: come(sides.r2),
          bareR2: come(sides.bareR2),
          registry: come(sides.registry),
        }),
      );
      rows.push(...rowsOf(`Warm ${what}, ${who}`, samples));
    }
  }
  return rows;
}

/** Until the last client has all, in seconds. */
async function wall(side: Side, blobs: readonly FreshBlob[], clients: number): Promise<number> {
  const began = performance.now();
  await Promise.all(Array.from({ length: clients }, () => pull(side, blobs)));
  return (performance.now() - began) / 1000;
}

async function pull({ url, asking }: Side, blobs: readonly FreshBlob[]): Promise<void> {
  const left = blobs.values();
  const next = async () => {
    for (const blob of left) await time(url(blob), blob, asking);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
}

function rowsOf(what: string, samples: Record<Name, readonly number[]>): Row[] {
  const row = (own: "edge" | "r2", beside: string, other: Name, aim?: number): Row => {
    const [ours, theirs] = [median(samples[own]), median(samples[other])];
    const ratio = theirs / ours;
    return {
      what,
      entrepot: `${own === "edge" ? "edge" : "R2"} hit: ${seconds(ours)}`,
      beside: `${beside}: ${seconds(theirs)}`,
      ratio: times(ratio, "speed"),
      ...(aim && { aim: { text: `≥ ${aim}`, met: ratio >= aim } }),
      samples,
    };
  };
  return [
    row("edge", "bare Worker on the Cache API", "bareCache", 0.9),
    row("r2", "bare Worker on R2", "bareR2", 0.9),
    row("edge", "docker-registry", "registry"),
  ];
}
