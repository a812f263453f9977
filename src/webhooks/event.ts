// Events as receivers get them: CloudEvents 1.0 in JSON, with the names that clients use.

import type { Happened } from "../catalog/record/contract.ts";
import type { Config } from "../config/read.ts";
import type { Webhook } from "../config/webhooks.ts";
import { globMatcher } from "../policy/glob.ts";
import { allNamesOf, nameAtUpstream, nameOf } from "../policy/place-name.ts";

/** An event that is ready to be sent. */
export interface Message {
  /** The same for every attempt, and for every webhook. */
  event: string;
  what: string;
  /** What it is about. Events of one subject are delivered in order. */
  subject: string;
  /** JSON, as it is signed. */
  body: string;
}

/** Prefix of the CloudEvents types: reverse DNS, as their specification recommends. */
const TYPE = "dev.entrepot.";

/** Whether the webhook is sent the event. An event without a repository is decided by its name alone. */
export function isWanted(
  { events, repositories }: Pick<Webhook, "events" | "repositories">,
  { what, place }: Pick<Happened, "what" | "place">,
  config: Pick<Config, "rules">,
): boolean {
  if (!events.some((glob) => globMatcher(glob)(what))) return false;
  // A place is "" where it is no longer known.
  if (repositories === undefined || !place) return true;
  const names = allNamesOf(config, place);
  return repositories.some((glob) => names.some(globMatcher(glob)));
}

/** @param source of the deployment's events: a URI */
export function messageOf(
  { id, at, what, place, ...fields }: Happened,
  config: Pick<Config, "rules">,
  source: string,
): Message {
  const named = place ? nameOf(config, place) : undefined;
  const repository = named?.name ?? (place ? nameAtUpstream(place) : undefined);
  const { tag, digest, upstream } = fields;
  const subject = subjectOf(repository, tag, digest) ?? upstream ?? "";
  // The id has no full stop, which separates what is signed.
  const event = `evt_${id}_${at.toString(36)}`;
  const data = {
    ...(repository !== undefined && { repository }),
    ...(named && { rule: named.rule }),
    ...fields,
  };
  return { event, what, subject, body: cloudEvent(event, what, subject, at, source, data) };
}

/** An event that says only that events arrive. @param now in ms since the epoch */
export function testMessage(hook: string, source: string, now: number): Message {
  const event = `test_${crypto.randomUUID()}`;
  const [what, subject] = ["test", hook];
  const data = { detail: `a test of the webhook ${hook}` };
  return { event, what, subject, body: cloudEvent(event, what, subject, now, source, data) };
}

function subjectOf(repository: string | undefined, tag?: string, digest?: string) {
  if (repository === undefined) return digest;
  if (tag !== undefined) return `${repository}:${tag}`;
  return digest === undefined ? repository : `${repository}@${digest}`;
}

function cloudEvent(
  id: string,
  what: string,
  subject: string,
  at: number,
  source: string,
  data: object,
): string {
  return JSON.stringify({
    specversion: "1.0",
    id,
    source,
    type: TYPE + what,
    ...(subject !== "" && { subject }),
    time: new Date(at).toISOString(),
    datacontenttype: "application/json",
    data,
  });
}
