// Authorities: the trusted root in the form that the verifier takes, parsed once per isolate and root.

import { TrustedRoot } from "@sigstore/protobuf-specs";
import { toTrustMaterial } from "@sigstore/verify";
import { releasedRoot } from "./released.ts";

export type Authorities = ReturnType<typeof toTrustMaterial>;
export type TLogAuthority = Authorities["tlogs"][number];

let known: { text: string | undefined; authorities: Authorities } | undefined;

/** Throws if the root cannot be used. @param text the variable TRUSTED_ROOT; undefined for the released root */
export function authoritiesOf(text: string | undefined): Authorities {
  if (known && known.text === text) return known.authorities;
  const json: unknown = text === undefined ? releasedRoot : JSON.parse(text);
  const authorities = toTrustMaterial(TrustedRoot.fromJSON(json));
  known = { text, authorities };
  return authorities;
}
