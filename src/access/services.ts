// AccessServices: the parts that an isolate needs to authenticate requests. Built once an isolate; AUTH comes with the
// configuration.

import type { Auth } from "../config/auth.ts";
import { AccessSnapshot } from "./access-snapshot.ts";
import { Authenticator } from "./authenticate.ts";
import type { Access, Limiter } from "./contract.ts";
import { Issuers } from "./issuers/issuers.ts";
import { Limits } from "./limits/limits.ts";
import { Verifier } from "./tokens/jwt.ts";

export interface AccessServices {
  access: Access;
  snapshot: AccessSnapshot;
  issuers: Issuers;
  limits: Limits;
  identify(auth: Auth): Authenticator;
}

export function openAccessServices(
  access: Access,
  limiters: { LOGINS?: Limiter; REQUESTS?: Limiter },
): AccessServices {
  const snapshot = new AccessSnapshot(access);
  const verifier = new Verifier(snapshot);
  const issuers = new Issuers();
  const limits = new Limits(limiters);
  return {
    access,
    snapshot,
    issuers,
    limits,
    identify: (auth) => new Authenticator(auth, { snapshot, verifier, issuers, limits }),
  };
}
