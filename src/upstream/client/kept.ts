// fetchOnKept: resends a request that was lost because the upstream was closing the kept-alive connection.

import { LRUCache } from "lru-cache";
import { atMost } from "../../platform/bounded.ts";

/** How long after a 416 a failed request may have used the connection that carried it, in ms. */
const CLOSING_WINDOW = 5_000;
/** Maximum number of origins, each an upstream's or its storage's. */
const MAX_ORIGINS = 100;

/** Origin → time of its last 416. docker-registry 2.8 sends that answer with a wrong length, and Go then closes the
 * connection without announcing it: the next request on that connection is lost. Clients that pull directly retry by
 * themselves; workerd does not. */
const closing = new LRUCache<string, number>(atMost(MAX_ORIGINS));

/** Like `fetch`; a GET or HEAD that fails soon after a 416 of the same origin is sent once more. */
export async function fetchOnKept(url: URL, init: RequestInit): Promise<Response> {
  const first = fetch(url, init);
  const response = await first.catch((error) => {
    const isOver = init.signal?.aborted || typeof init.body === "string";
    if (isOver || !mayBeClosing(url.origin)) throw error;
    return fetch(url, init);
  });
  if (response.status === 416) closing.set(url.origin, Date.now());
  return response;
}

/** Consumes the mark: one 416 closes one connection. */
function mayBeClosing(origin: string): boolean {
  const since = closing.get(origin) ?? 0;
  closing.delete(origin);
  return Date.now() - since < CLOSING_WINDOW;
}
