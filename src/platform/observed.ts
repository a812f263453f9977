// Observed objects: a callback runs before each method call.

/** @param seen called with the method's name */
export function observed<T extends object>(target: T, seen: (method: string) => void): T {
  return new Proxy(target, {
    get(_, name) {
      const member = Reflect.get(target, name, target) as unknown;
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        seen(String(name));
        return member.apply(target, args);
      };
    },
  });
}
