// Calls to Durable Objects: errors cross as values, since an exception loses its class there, and a call whose object was reset is
// repeated.

import { meter } from "../meter/meter.ts";
import { type ErrorValue, RegistryError } from "../oci/error.ts";

/** What an RPC method answers. A method never rejects by itself: an exception that crosses from a Durable Object is the platform's,
 * and means that the object was reset. */
export type Outcome<T> = { value: T } | { error: ErrorValue };

/** The methods of a contract as its Durable Object has them: each answers with an outcome. */
export type Calls<Contract> = {
  [Method in keyof Contract]: Contract[Method] extends (...args: infer Args) => Promise<infer Value>
    ? (...args: Args) => Promise<Outcome<Value>>
    : never;
};

/** Runs an RPC method's work, and turns what it throws into a value. */
export async function settle<T>(work: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    return { error: asRegistryError(error).toValue() };
  }
}

/** Any other error than a RegistryError is a fault of this code: logged whole, told to clients as UNKNOWN (500). */
export function asRegistryError(error: unknown): RegistryError {
  if (error instanceof RegistryError) return error;
  console.error("entrepot: a fault:", error);
  return new RegistryError("UNKNOWN", "the cache failed; its log says why");
}

function unwrap<T>(outcome: Outcome<T>): T {
  if ("value" in outcome) return outcome.value;
  const { code, message, ...options } = outcome.error;
  throw new RegistryError(code, message, options);
}

/** Attempts at a call whose object is reset (by a deploy or an eviction) while it runs. */
const TRIES = 4;

/** Calls a Durable Object and returns the value, or throws the RegistryError that it answered. What the call itself throws is the
 * platform's: a reset is tried again, an overloaded object is left alone.
 * @param work may be repeated, and takes a new stub each time: a stub that has failed stays failed */
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

/** The object of that name, by the methods of its class. Take a new one for each call: a stub that has failed stays failed. */
export function objectOf<Contract>(
  namespace: DurableObjectNamespace,
  name: string,
): Calls<Contract> {
  return namespace.get(namespace.idFromName(name)) as unknown as Calls<Contract>;
}

/** A Durable Object by its contract: every method is a `call` of the object of that name. */
export function remote<Contract extends object>(
  namespace: DurableObjectNamespace,
  name: string,
): Contract {
  return new Proxy({} as Contract, {
    get(_, method) {
      // `await` asks every object for `then`.
      if (typeof method !== "string" || method === "then") return undefined;
      const work = (args: unknown[]) => (objectOf(namespace, name) as Methods)[method]?.(...args);
      return (...args: unknown[]) => call(() => work(args) as Promise<Outcome<unknown>>);
    },
  });
}

type Methods = Record<string, (...args: unknown[]) => unknown>;
