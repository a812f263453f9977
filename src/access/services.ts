// The desk: what an isolate needs to say who asks. Opened once an isolate; AUTH comes with the configuration.

import type { Auth } from "../config/auth.ts";
import { Book } from "./access-snapshot.ts";
import { Identify } from "./authenticate.ts";
import type { Access, Limiter } from "./contract.ts";
import { Issuers } from "./issuers/issuers.ts";
import { Limits } from "./limits/limits.ts";
import { Verifier } from "./tokens/jwt.ts";

export interface Desk {
  access: Access;
  book: Book;
  issuers: Issuers;
  limits: Limits;
  identify(auth: Auth): Identify;
}

export function openDesk(access: Access, limiters: { LOGINS?: Limiter; REQUESTS?: Limiter }): Desk {
  const book = new Book(access);
  const verifier = new Verifier(book);
  const issuers = new Issuers();
  const limits = new Limits(limiters);
  return {
    access,
    book,
    issuers,
    limits,
    identify: (auth) => new Identify(auth, book, verifier, issuers, limits),
  };
}
