// Opens access: calls to its one Durable Object.

import { remote } from "../platform/rpc.ts";
import type { Access, AccessBindings } from "./contract.ts";

export function openAccess({ ACCESS }: AccessBindings): Access {
  return remote<Access>(ACCESS, "access");
}
