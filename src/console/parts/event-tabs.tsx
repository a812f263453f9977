// Tabs of the events section: kinds of events, and the webhooks that send them on.

import { withQuery } from "./api.ts";
import { Tabs } from "./parts.tsx";

export const KINDS = {
  happened: "Cache and upstreams",
  lifecycle: "Lifecycle",
  audit: "Audit log",
} as const;
export type Kind = keyof typeof KINDS;

export const WEBHOOKS = "Webhooks";

export function EventTabs({ current }: { current: string }) {
  const kinds = Object.entries(KINDS).map(([kind, name]): [string, string] => [
    withQuery("/events", { kind }),
    name,
  ]);
  return (
    <Tabs label="Kinds of events" tabs={[...kinds, ["/webhooks", WEBHOOKS]]} current={current} />
  );
}
