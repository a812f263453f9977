// Bindings that behave as production's can: a KV that lags, Durable Objects that must not be touched, an edge cache that fails.

import { vi } from "vitest";

/** A KV as seen from a place that shows nothing of what was written since it first looked: it remembers misses, and
 * shows old values. In production for 60 s, here for as long as it is used. */
export function laggingKv(kv: KVNamespace): KVNamespace {
  const seen = new Map<string, Promise<unknown>>();
  const remember = (method: "get" | "getWithMetadata") => (key: string, type: never) => {
    const looked =
      seen.get(key) ?? (kv[method] as (key: string, type: never) => Promise<unknown>)(key, type);
    seen.set(key, looked);
    return looked;
  };
  return {
    get: remember("get"),
    getWithMetadata: remember("getWithMetadata"),
    put: kv.put.bind(kv),
    delete: kv.delete.bind(kv),
  } as unknown as KVNamespace;
}

/** A namespace of Durable Objects whose use is a fault. */
export function untouchable(name: string): DurableObjectNamespace {
  return new Proxy({} as DurableObjectNamespace, {
    get() {
      throw new Error(`${name} was touched`);
    },
  });
}

/** Counts the calls of a binding's methods. */
export function counting<T extends object>(
  binding: T,
): { binding: T; calls: Record<string, number> } {
  const calls: Record<string, number> = {};
  const proxy = new Proxy(binding, {
    get(target, method: string) {
      const value = Reflect.get(target, method) as unknown;
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        calls[method] = (calls[method] ?? 0) + 1;
        return value.apply(target, args);
      };
    },
  });
  return { binding: proxy, calls };
}

/** What an edge cache was asked for, by method: the keys, without their host. */
export type EdgeCalls = Record<"match" | "put" | "delete", string[]>;

/** Watches the edge caches of all places, until the mocks are restored.
 * @param fault done in place of a call; undefined lets it through */
export function watchingEdge(
  fault: (method: keyof EdgeCalls, key: string) => Promise<never> | undefined = () => undefined,
): EdgeCalls {
  const calls: EdgeCalls = { match: [], put: [], delete: [] };
  const open = caches.open.bind(caches);
  const watched = async (name: string) => {
    const cache = await open(name);
    return new Proxy(cache, {
      get(target, method: keyof EdgeCalls) {
        if (!(method in calls)) return undefined;
        return (request: Request | string, ...rest: unknown[]) => {
          const url = new URL(typeof request === "string" ? request : request.url);
          const key = decodeURIComponent(url.pathname.slice(1));
          calls[method].push(key);
          const call = target[method] as (...args: unknown[]) => Promise<unknown>;
          return fault(method, key) ?? call.call(target, request, ...rest);
        };
      },
    });
  };
  vi.spyOn(caches, "open").mockImplementation(watched);
  return calls;
}
