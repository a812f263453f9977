// openGate: opens the gate of a rule's origin, a Durable Object.

import type { Rule } from "../config/rule.ts";
import { call, objectOf } from "../platform/rpc.ts";
import { originOf } from "../policy/source.ts";
import type { Gate, GateBindings, GateMethods, Watch } from "./contract.ts";

export function openGate({ UPSTREAM_GATE }: GateBindings): Gate & Watch {
  const stub = (rule: Rule) => objectOf<GateMethods>(UPSTREAM_GATE, originOf(rule));
  return {
    lend: (rule, scope, use, endpoint) => call(() => stub(rule).lend(rule, scope, use, endpoint)),
    answer: (rule, scope, refused, loan) =>
      call(() => stub(rule).answer(rule, scope, refused, loan)),
    report: (rule, seen) => call(() => stub(rule).report(seen)),
    news: (rule) => call(() => stub(rule).news()),
    lacksReferrers: (rule) => call(() => stub(rule).lacksReferrers()),
    sawReferrers: (rule, repository, has) => call(() => stub(rule).sawReferrers(repository, has)),
    sawHead: (rule, kind, agrees) => call(() => stub(rule).sawHead(kind, agrees)),
    state: (rule, repository) => call(() => stub(rule).state(rule, repository)),
  };
}
