// Near links: reads links for client requests, from the nearest copy of KV's value, and keeps a nearer copy.

import type { Digest } from "../oci/digest.ts";
import { type Source, sourceKey } from "../policy/source.ts";
import { linkKey } from "./keys.ts";
import type { Link, LinkStore } from "./links.ts";
import { JUST_FETCHED, jsonForm, type Near, type NearKey } from "./near.ts";
import type { ReadVisit } from "./visit.ts";

const FORM = jsonForm<Link>(({ confirmedAt, proved }) =>
  confirmedAt === undefined ? undefined : { confirmedAt, ...(proved && { proved }) },
);

export class NearLinks {
  readonly #near: Near;
  readonly #store: LinkStore;

  constructor(near: Near, store: LinkStore) {
    this.#near = near;
    this.#store = store;
  }

  async get(source: Source, digest: Digest, visit: ReadVisit): Promise<Link | undefined> {
    const place = sourceKey(source);
    const found = await this.#near.get(nearKey(place, digest), visit, async () => {
      const value = await this.#store.get(place, digest);
      return value && { value, layer: "kv" };
    });
    return found?.value;
  }

  /** Adds a link that was just proved and confirmed. KV is written in the background, and may remember a miss for up to a minute. */
  add(source: Source, digest: Digest, visit: ReadVisit): void {
    const place = sourceKey(source);
    const link: Link = { confirmedAt: Date.now(), proved: true };
    this.#near.keep(nearKey(place, digest), link, visit, JUST_FETCHED);
    visit.later(
      this.#store.put(place, digest, link).catch((error: Error) => {
        // The next request confirms the link again.
        console.error(`entrepot: KV refused a link to ${digest}: ${error.message}`);
      }),
    );
  }

  /** Withdraws a link whose content the upstream no longer has. */
  async withdraw(source: Source, digest: Digest, visit: ReadVisit): Promise<void> {
    const place = sourceKey(source);
    await this.#store.withdraw(place, digest);
    this.#near.forget(nearKey(place, digest), visit);
  }
}

function nearKey(place: string, digest: Digest): NearKey<Link> {
  return { key: linkKey(place, digest), form: FORM };
}
