// openAccess: opens the access object, a single Durable Object.

import { remote } from "../platform/rpc.ts";
import type { Access, AccessBindings } from "./contract.ts";

export function openAccess({ ACCESS }: AccessBindings): Access {
  return remote<Access>(ACCESS, "access");
}
