// Calls about held tags: the part of the catalog's Durable Object that concerns minimum ages.

import type { Catalog } from "./contract.ts";
import * as holds from "./record/holds.ts";
import { VerdictCalls } from "./verdict-calls.ts";

export abstract class HoldCalls<Env> extends VerdictCalls<Env> {
  tellHold(...args: Parameters<Catalog["tellHold"]>) {
    return this.transact((database) => holds.tellHold(database, ...args));
  }

  heldTags(...args: Parameters<Catalog["heldTags"]>) {
    return this.transact((database) => holds.heldTags(database, ...args));
  }

  tagsToCheck(...args: Parameters<Catalog["tagsToCheck"]>) {
    return this.transact((database) => holds.tagsToCheck(database, ...args));
  }
}
