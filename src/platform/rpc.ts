// Calls to Durable Objects: errors are returned as values, since an exception loses its class on the way, and a call whose object was reset
// is retried.

import { meter } from "../meter/meter.ts";
import { type ErrorValue, RegistryError } from "../oci/error.ts";

/** The result of an RPC method, which never rejects by itself: an exception from a Durable Object comes from the platform, and means that
 * the object was reset. */
export type Outcome<T> = { value: T } | { error: ErrorValue };

/** The methods of a contract as its Durable Object implements them, each returning an outcome. Methods keep the order of their
 * parameters, however many: during a deployment a Worker of one version calls the object of the other. */
export type Calls<Contract> = {
  [Method in keyof Contract]: Contract[Method] extends (...args: infer Args) => Promise<infer Value>
    ? (...args: Args) => Promise<Outcome<Value>>
    : never;
};

/** Runs an RPC method's work, and returns an error that it throws as a value. */
export async function settle<T>(work: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    return { error: asRegistryError(error).toValue() };
  }
}

/** Converts any error but a RegistryError, which is a bug of this code, to UNKNOWN (500) for clients, and logs it whole. */
export function asRegistryError(error: unknown): RegistryError {
  if (error instanceof RegistryError) return error;
  console.error("entrepot: internal error:", error);
  return new RegistryError("UNKNOWN", "internal error; see the cache's log");
}

function unwrap<T>(outcome: Outcome<T>): T {
  if ("value" in outcome) return outcome.value;
  const { code, message, ...options } = outcome.error;
  throw new RegistryError(code, message, options);
}

/** Maximum attempts at a call whose object is reset by a deploy or an eviction. */
const TRIES = 4;

/** Calls a Durable Object and returns its value, or throws the RegistryError that it returned. Errors of the call itself are the
 * platform's: a reset is retried, an overloaded object is not.
 * @param work must be repeatable and use a new stub each time: a stub stays broken after an error */
export async function call<T>(work: () => Promise<Outcome<T>>): Promise<T> {
  for (let tries = 1; ; tries++) {
    let outcome: Outcome<T>;
    meter.count("entrepot_platform_operations", { operation: "object_request" });
    try {
      outcome = await work();
    } catch (error) {
      if ((error as { overloaded?: boolean }).overloaded || tries === TRIES) throw error;
      continue;
    }
    return unwrap(outcome);
  }
}

/** A stub of the object of that name. Get a new one for each call: a stub stays broken after an error. */
export function objectOf<Contract>(
  namespace: DurableObjectNamespace,
  name: string,
): Calls<Contract> {
  return namespace.get(namespace.idFromName(name)) as unknown as Calls<Contract>;
}

/** A client of a Durable Object by its contract: every method is a `call` of the object of that name. */
export function remote<Contract extends object>(
  namespace: DurableObjectNamespace,
  name: string,
): Contract {
  return new Proxy({} as Contract, {
    get(_, method) {
      // `await` reads `then` of every object.
      if (typeof method !== "string" || method === "then") return undefined;
      const work = (args: unknown[]) => (objectOf(namespace, name) as Methods)[method]?.(...args);
      return (...args: unknown[]) => call(() => work(args) as Promise<Outcome<unknown>>);
    },
  });
}

type Methods = Record<string, (...args: unknown[]) => unknown>;
