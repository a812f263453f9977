// All that the listeners share.

import type { UpstreamPorts } from "../wire.ts";
import { Accounts } from "./accounts.ts";
import { Faults } from "./faults.ts";
import { Holds } from "./holds.ts";
import { Journal } from "./journal.ts";
import { Limits } from "./limits.ts";
import { Logins } from "./logins.ts";
import { Receivers } from "./receiver.ts";
import { Repositories } from "./repositories.ts";

export interface State {
  /** Known once all of them listen. */
  ports: UpstreamPorts;
  repositories: Repositories;
  faults: Faults;
  holds: Holds;
  journal: Journal;
  accounts: Accounts;
  logins: Logins;
  limits: Limits;
  receivers: Receivers;
}

export function newState(): State {
  return {
    ports: {
      open: 0,
      bearer: 0,
      basic: 0,
      token: 0,
      cdn: 0,
      aws: 0,
      google: 0,
      issuer: 0,
      control: 0,
      receiver: 0,
    },
    repositories: new Repositories(),
    faults: new Faults(),
    holds: new Holds(),
    journal: new Journal(),
    accounts: new Accounts(),
    logins: new Logins(),
    limits: new Limits(),
    receivers: new Receivers(),
  };
}

/** Forgets all there is of a repository, or everything. Responses held by its faults go on. */
export function clear(state: State, repository?: string): void {
  state.faults.end(repository === undefined ? {} : { repository });
  state.holds.releaseAll(repository);
  state.repositories.clear(repository);
  state.journal.clear(repository);
  state.accounts.clear(repository);
  state.logins.revoke(repository);
  state.limits.clear(repository);
}
