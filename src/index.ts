// Worker entry: the fetch and cron handlers, and the Durable Object classes.

import type { Hono } from "hono";
import { openAccess } from "./access/open.ts";
import { type Config, readConfig } from "./config/read.ts";
import { createConsole } from "./console/app.tsx";
import type { Env } from "./env.ts";
import { createApp } from "./http/app.ts";
import { withAdded } from "./policy/added.ts";
import { openPrewarm } from "./prewarm/open.ts";
import { checkAgesIn, lifecycleOf, servicesOf } from "./services.ts";
import { guard, reasonOf } from "./text/plain.ts";
import { openWebhooks } from "./webhooks/open.ts";

export { AccessObject } from "./access/object.ts";
export { CatalogObject } from "./catalog/object.ts";
export { BlobFill } from "./fill/blob/blob-fill.ts";
export { ListFill } from "./fill/list/list-fill.ts";
export { ManifestFill } from "./fill/manifest/manifest-fill.ts";
export { TagFill } from "./fill/tag/tag-fill.ts";
export { PrewarmObject } from "./prewarm/object.ts";
export { ScanObject } from "./scanning/object.ts";
export { UpstreamGate } from "./upstream/gate.ts";
export { WebhookObject } from "./webhooks/object.ts";

guard(console);

/** One app per isolate, so that the configuration is parsed and its problems are logged once. */
const apps = new WeakMap<object, Hono>();

export default {
  fetch(request, env, context) {
    let app = apps.get(env);
    if (!app) {
      const { pull, api } = servicesOf(env);
      app = createApp({ ...env }, pull, api, createConsole);
      apps.set(env, app);
    }
    return app.fetch(request, env, context);
  },

  /** Hourly cron. Its scheduled time is the sweep's clock. */
  async scheduled({ scheduledTime }, env) {
    // A deployment may have changed the schedule.
    await openPrewarm(env).tick(Date.now());
    const configured = readConfig({ ...env });
    // At once with the rest: an object that does not answer holds up no sweep.
    const looking = lookForEvents(env, configured);
    await tidy(env, configured, scheduledTime).finally(() => looking);
  },
} satisfies ExportedHandler<Env>;

/** Checks the ages of tags, and sweeps. Throws where either fails, which makes the platform show the cron run as failed. */
async function tidy(env: Env, configured: Config, scheduledTime: number): Promise<void> {
  const { rules } = await openAccess(env).page();
  const config = withAdded(configured, rules.rules, { ...env });
  const ages = await settled(checkAgesIn(env, config, Date.now()));
  const lifecycle = lifecycleOf(env, config);
  const report = await lifecycle.sweep({ trigger: "cron", force: false }, scheduledTime);
  if (!report) console.log("entrepot: another sweep is running");
  else if (report.error !== undefined) throw new Error(`the sweep failed at ${report.error}`);
  if ("error" in ages) throw ages.error;
}

/** Makes up for wakes that were lost, and tells the webhooks that they are still configured. */
async function lookForEvents(env: Env, { webhooks }: Config): Promise<void> {
  const open = openWebhooks(env);
  if (!open) return;
  const looks = webhooks.map(async ({ name }) => {
    try {
      await open(name).look(name, Date.now());
    } catch (error) {
      console.error(`entrepot: the webhook ${name} could not be asked: ${reasonOf(error)}`);
    }
  });
  await Promise.all(looks);
}

/** The error of a part of the cron's work that must not keep the rest from being done. */
async function settled(work: Promise<unknown>): Promise<{ error: unknown } | { done: true }> {
  try {
    await work;
    return { done: true };
  } catch (error) {
    console.error(`entrepot: checking the ages of tags failed: ${(error as Error).message}`);
    return { error };
  }
}
