// Bindings of the Worker (wrangler.toml): the sum of the rooms' bindings. Rules and credentials are separate variables and
// secrets.

import type { AccessBindings, LimiterBindings } from "./access/contract.ts";
import type { FillBindings } from "./fill/contract.ts";
import type { Analytics } from "./meter/analytics.ts";
import type { PrewarmBindings } from "./prewarm/contract.ts";
import type { ScanBindings } from "./scanning/contract.ts";
import type { WebhookBindings } from "./webhooks/contract.ts";

export interface Env
  extends FillBindings,
    AccessBindings,
    LimiterBindings,
    PrewarmBindings,
    WebhookBindings,
    ScanBindings {
  /** Optional: Analytics Engine. */
  ANALYTICS?: Analytics;
  /** Optional: Analytics Engine, for the audit of pulls. */
  AUDIT_ANALYTICS?: Analytics;
}
