// ScanObject: the Durable Object of one digest that keeps its verdict. It takes one report after the other, so that two scanners do not
// overwrite each other; the verdict itself is in R2, with a copy in KV.

import { DurableObject } from "cloudflare:workers";
import type { CatalogBindings } from "../catalog/contract.ts";
import { openCatalog } from "../catalog/open.ts";
import type { Digest } from "../oci/digest.ts";
import { type Calls, type Outcome, settle } from "../platform/rpc.ts";
import {
  countsOf,
  idsOf,
  scannedAt,
  type Verdict,
  weighed,
  withFindings,
  withoutFindings,
} from "../policy/verdict.ts";
import type { StoreBindings } from "../store/bindings.ts";
import { VerdictStore } from "../store/verdicts.ts";
import { expectBounded } from "./bounds.ts";
import type { Scans } from "./contract.ts";

type Bindings = StoreBindings & CatalogBindings;

export class ScanObject extends DurableObject<Bindings> implements Calls<Scans> {
  readonly #store = new VerdictStore(this.env.META, this.env.BLOBS);
  readonly #catalog = openCatalog(this.env);
  /** Ends when the latest call does. */
  #last: Promise<unknown> = Promise.resolve();

  put(...[digest, findings, now]: Parameters<Scans["put"]>): Promise<Outcome<Verdict>> {
    return this.#oneByOne(async () => {
      const before = await this.#stored(digest);
      const after = withFindings(before, findings);
      expectBounded(after);
      return this.#keep(after, now);
    });
  }

  drop(
    ...[digest, scanner, now]: Parameters<Scans["drop"]>
  ): Promise<Outcome<Verdict | undefined>> {
    return this.#oneByOne(async () => {
      const before = await this.#stored(digest);
      const after = withoutFindings(before, scanner);
      if (after.findings.length === before.findings.length) return undefined;
      if (after.findings.length > 0) return this.#keep(after, now);
      await this.#catalog.dropVerdict(digest, now);
      await this.#store.remove(digest);
      return after;
    });
  }

  async #stored(digest: Digest): Promise<Verdict> {
    return (await this.#store.getStored(digest)) ?? { digest, findings: [], firstSeen: {} };
  }

  /** Tells the catalog first, which knows since when each vulnerability is known here. */
  async #keep(verdict: Verdict, now: number): Promise<Verdict> {
    const firstSeen = await this.#catalog.tellVerdict(
      {
        digest: verdict.digest,
        scannedAt: scannedAt(verdict),
        scanners: verdict.findings.map(({ scanner }) => scanner),
        counts: countsOf(weighed(verdict)),
        ids: idsOf(verdict),
      },
      now,
    );
    const kept = { ...verdict, firstSeen };
    await this.#store.put(kept);
    return kept;
  }

  /** A failed call does not stop the next one. */
  #oneByOne<T>(work: () => Promise<T>): Promise<Outcome<T>> {
    const done = this.#last.then(() => settle(work));
    this.#last = done;
    return done;
  }
}
