// Bindings that behave as production's can: a KV that lags, Durable Objects that must not be touched.

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
  const put = kv.put.bind(kv);
  return {
    get: remember("get"),
    getWithMetadata: remember("getWithMetadata"),
    put,
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
