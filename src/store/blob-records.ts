// What KV claims of blobs: their layouts, so that a reader near by needs not go to R2. R2's heads have the last word.

import type { Digest } from "../oci/digest.ts";
import { within } from "../platform/deadline.ts";
import { countedKv } from "./counted.ts";
import { blobKvKey } from "./keys.ts";
import type { Layout } from "./segments.ts";

/** What KV has. */
type Recorded = Omit<Layout, "digest"> & Confirmed;

interface Confirmed {
  /** When R2 last had that head, in ms since the epoch. */
  confirmedAt: number;
}

export interface Claim extends Confirmed {
  layout: Layout;
}

/** KV takes one write a second to a key; in ms. */
const PAUSE = 1100;
/** A write that takes longer, in ms, is not waited for. */
const WRITE_TIMEOUT = 5_000;

export class BlobRecords {
  readonly #kv: KVNamespace;

  constructor(kv: KVNamespace) {
    this.#kv = countedKv(kv);
  }

  async get(digest: Digest): Promise<Claim | undefined> {
    try {
      const known = await this.#kv.get<Recorded>(blobKvKey(digest), "json");
      if (!known) return undefined;
      const { confirmedAt, ...layout } = known;
      return { layout: { ...layout, digest }, confirmedAt };
    } catch (error) {
      console.error(`entrepot: KV failed to read a blob's record: ${(error as Error).message}`);
      return undefined; // R2 knows
    }
  }

  /** @param now at which the head is there, in ms since the epoch
   * @param again whether a write that KV refuses is repeated: for whoever has published the blob, and nobody else */
  async put({ digest, ...layout }: Layout, now: number, again = false): Promise<void> {
    const record: Recorded = { ...layout, confirmedAt: now };
    try {
      const write = () => this.#kv.put(blobKvKey(digest), JSON.stringify(record));
      await (again ? twice(write) : once(write));
    } catch (error) {
      // Readers find the head; and what the record said before is compared with it in its time.
      console.error(`entrepot: KV refused the record of ${digest}: ${(error as Error).message}`);
    }
  }

  /** There is no such blob. */
  async delete(digest: Digest): Promise<void> {
    try {
      await twice(() => this.#kv.delete(blobKvKey(digest)));
    } catch (error) {
      // As above.
      console.error(`entrepot: KV kept the record of ${digest}: ${(error as Error).message}`);
    }
  }
}

function once(write: () => Promise<void>): Promise<void> {
  return within(write(), WRITE_TIMEOUT, () => new Error("no answer in time"));
}

async function twice(write: () => Promise<void>): Promise<void> {
  try {
    await once(write);
  } catch {
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    await once(write);
  }
}
