// Receivers of webhooks, one for each path: what they got, and what they answer.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Received, Reception } from "../wire.ts";
import { readBody } from "./body.ts";
import type { State } from "./state.ts";

type Rule = Reception & { taken: number };

export class Receivers {
  private readonly rules = new Map<string, Rule[]>();
  private readonly requests = new Map<string, Received[]>();

  set(hook: string, rules: Reception[]): void {
    this.rules.set(
      hook,
      rules.map((rule) => ({ ...rule, taken: 0 })),
    );
  }

  received(hook: string): Received[] {
    return this.requests.get(hook) ?? [];
  }

  take(hook: string, request: Received): Reception {
    this.requests.set(hook, [...this.received(hook), request]);
    const subject = subjectOf(request.body);
    const rule = (this.rules.get(hook) ?? []).find(
      ({ subject: wanted = subject, times = 0, taken }) =>
        wanted === subject && (times === 0 || taken < times),
    );
    if (rule) rule.taken += 1;
    return rule ?? {};
  }
}

function subjectOf(body: string): string | undefined {
  try {
    return (JSON.parse(body) as { subject?: string }).subject;
  } catch {
    return undefined; // not an event
  }
}

export async function receive(
  { receivers, holds }: State,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const body = Buffer.from(await readBody(req)).toString();
  const headers = Object.fromEntries(
    Object.entries(req.headers).map(([name, value]) => [name, String(value)]),
  );
  const hook = (req.url ?? "").slice(1).replace(/[?/].*$/, "");
  const answer = receivers.take(hook, { method: req.method ?? "", headers, body });
  if (answer.hold !== undefined)
    await holds.wait(answer.hold, (gone) => void res.once("close", gone));
  if (answer.reset) res.destroy();
  else res.writeHead(answer.status ?? 204, answer.headers).end(answer.body);
}
