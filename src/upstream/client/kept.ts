// Kept connections: a request that is lost because its upstream was about to close the connection is sent again.

import { LRUCache } from "lru-cache";

/** How long after a 416 a lost connection may be the one that carried it, in ms. */
const DOUBT = 5_000;
/** Origins; each is an upstream's or its storage's. */
const MOST_ORIGINS = 100;

/** Origin → when it answered 416. docker-registry 2.8 gives that answer a wrong length, and Go then closes the connection
 * without having said so: the next request is lost where it is taken for that connection first. Clients that pull directly
 * ask again by themselves; workerd does not. */
const closing = new LRUCache<string, number>({ max: MOST_ORIGINS });

/** Like `fetch`. A GET or HEAD that gets no answer soon after a 416 of the same origin is sent once more. */
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

/** One 416 closes one connection. */
function mayBeClosing(origin: string): boolean {
  const since = closing.get(origin) ?? 0;
  closing.delete(origin);
  return Date.now() - since < DOUBT;
}
