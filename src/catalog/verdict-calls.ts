// Calls to the catalog about verdicts: the part of its Durable Object that scans and their lists use.

import { DurableObject } from "cloudflare:workers";
import type { Calls, Outcome } from "../platform/rpc.ts";
import type { VerdictCatalog } from "./contract.ts";
import type { Database } from "./database.ts";
import * as verdicts from "./record/verdicts.ts";

export abstract class VerdictCalls<Env>
  extends DurableObject<Env>
  implements Calls<VerdictCatalog>
{
  /** Runs a call's work as one transaction. A field and no method: methods can be called from outside. */
  protected abstract readonly transact: <T>(work: (database: Database) => T) => Promise<Outcome<T>>;

  tellVerdict(...args: Parameters<VerdictCatalog["tellVerdict"]>) {
    return this.transact((database) => verdicts.tellVerdict(database, ...args));
  }

  dropVerdict(...args: Parameters<VerdictCatalog["dropVerdict"]>) {
    return this.transact((database) => verdicts.dropVerdict(database, ...args));
  }

  verdicts(...args: Parameters<VerdictCatalog["verdicts"]>) {
    return this.transact((database) => verdicts.listedVerdicts(database, ...args));
  }

  heldBy(...args: Parameters<VerdictCatalog["heldBy"]>) {
    return this.transact((database) => verdicts.heldBy(database, ...args));
  }
}
