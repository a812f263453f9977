// Redirects to another origin, at addresses that look signed and are checked there.

import { createHash, randomUUID } from "node:crypto";
import type { Fault } from "../wire.ts";
import type { Answer } from "./answer.ts";
import { text } from "./content.ts";
import type { Asked } from "./route.ts";
import type { State } from "./state.ts";

export function redirection(state: State, asked: Asked, fault: Fault): Answer {
  const headers = { location: location(state, asked, fault), "content-type": "text/plain" };
  return { status: fault.status ?? 307, headers, content: text("") };
}

/** A loop or a chain goes on at the cdn by its path, with no fault there. */
export function nextHop(state: State, asked: Asked): Answer | undefined {
  const [, hop, left] = /^\/(loop|hop\/(\d+))\//.exec(asked.url.pathname) ?? [];
  if (hop === undefined) return undefined;
  return redirection(
    state,
    asked,
    hop === "loop" ? { redirect: "loop" } : { redirect: "chain", hops: Number(left) },
  );
}

const used = new Set<string>();

export function isSigned({ searchParams, pathname }: URL, method: string | undefined): boolean {
  const once = searchParams.get("once");
  const isFree = once === null || !used.has(once);
  if (once !== null) used.add(once);
  const isMethod = !searchParams.has("get") || method === "GET";
  return searchParams.get("X-Amz-Signature") === signature(pathname) && isFree && isMethod;
}

function location(state: State, { url }: Asked, { redirect = "", hops = 3 }: Fault): string {
  const path = url.pathname.replace(/^.*?(?=\/v2\/)/, "");
  if (redirect === "once" || redirect === "get")
    return `${signed(state, path)}&${redirect}=${randomUUID()}`;
  if (redirect === "cdn" || (redirect === "chain" && hops <= 1)) return signed(state, path);
  if (redirect === "chain") return signed(state, `/hop/${hops - 1}${path}`);
  return redirect === "loop" ? signed(state, `/loop${path}`) : redirect;
}

function signed(state: State, path: string): string {
  const query = new URLSearchParams({
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Expires": "1200",
    "X-Amz-Signature": signature(path),
  });
  return `http://127.0.0.1:${state.ports.cdn}${path}?${query}`;
}

function signature(path: string): string {
  return createHash("sha256").update(`fixture ${path}`).digest("hex");
}
