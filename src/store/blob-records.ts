// Blob records: layouts of blobs in KV, which spare a reader a request to R2. They may be outdated; R2's heads are authoritative.

import type { Digest } from "../oci/digest.ts";
import { within } from "../platform/deadline.ts";
import { countedKv } from "./counted.ts";
import { blobKvKey } from "./keys.ts";
import type { Layout } from "./segments.ts";

/** The value in KV. */
type Recorded = Omit<Layout, "digest"> & Confirmed;

interface Confirmed {
  /** When the head was last seen in R2, in ms since the epoch. */
  confirmedAt: number;
}

export interface Claim extends Confirmed {
  layout: Layout;
}

/** Pause before a repeated write, in ms: KV accepts one write per second and key. */
const PAUSE = 1100;
/** Timeout of a write, in ms. */
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
      return undefined; // R2 is read instead
    }
  }

  /** @param now when the head was seen, in ms since the epoch
   * @param again repeats a write that KV refuses; only for the publisher of the blob */
  async put({ digest, ...layout }: Layout, now: number, again = false): Promise<void> {
    const record: Recorded = { ...layout, confirmedAt: now };
    try {
      const write = () => this.#kv.put(blobKvKey(digest), JSON.stringify(record));
      await (again ? twice(write) : once(write));
    } catch (error) {
      // Readers without a record find the head, and an outdated record is compared with it later.
      console.error(`entrepot: KV refused the record of ${digest}: ${(error as Error).message}`);
    }
  }

  /** Deletes the record of a blob that no longer exists. */
  async delete(digest: Digest): Promise<void> {
    try {
      await twice(() => this.#kv.delete(blobKvKey(digest)));
    } catch (error) {
      // The outdated record is compared with R2 later.
      console.error(
        `entrepot: KV failed to delete the record of ${digest}: ${(error as Error).message}`,
      );
    }
  }
}

function once(write: () => Promise<void>): Promise<void> {
  return within(write(), WRITE_TIMEOUT, () => new Error("timeout"));
}

async function twice(write: () => Promise<void>): Promise<void> {
  try {
    await once(write);
  } catch {
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    await once(write);
  }
}
