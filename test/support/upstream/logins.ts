// Logins: the robot's, and those that the clouds give out for a while.

import { randomBytes } from "node:crypto";
import { isRobot } from "./accounts.ts";

interface Given {
  username: string;
  repository: string;
  /** Milliseconds of the epoch. */
  expires: number;
}

export class Logins {
  /** By password. Those that are over stay known: ECR tells them from those that never were. */
  private readonly given = new Map<string, Given>();

  /** A new password, of `size` characters. `lifetime` in seconds. */
  issue(login: Omit<Given, "expires"> & { size: number }, lifetime: number, now: number): string {
    const { username, repository, size } = login;
    const password = randomBytes(size).toString("base64url").slice(0, size);
    this.given.set(password, { username, repository, expires: now + lifetime * 1000 });
    return password;
  }

  check(
    account: { username: string; password: string } | undefined,
    now: number,
  ): "ok" | "over" | "unknown" {
    if (isRobot(account)) return "ok";
    const given = this.given.get(account?.password ?? "");
    if (!given || given.username !== account?.username) return "unknown";
    return given.expires > now ? "ok" : "over";
  }

  /** Those that were asked for in this repository's name, or all, are over. */
  revoke(repository?: string): void {
    for (const given of this.given.values()) {
      if (repository === undefined || given.repository === repository) given.expires = 0;
    }
  }
}
