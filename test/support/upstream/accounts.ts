// Who may read what: the robot's password, the tokens given out, and how the token service gives them.

import { randomBytes } from "node:crypto";
import { ROBOT, type TokenSettings } from "../wire.ts";

interface Token {
  scopes: Set<string>;
  /** Milliseconds of the epoch. */
  expires: number;
}

/** The user and password of a Basic header. */
export function basicOf(
  authorization: string | undefined,
): { username: string; password: string } | undefined {
  const encoded = /^basic +(.*)$/i.exec(authorization ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const decoded = Buffer.from(encoded, "base64").toString();
  const colon = decoded.indexOf(":");
  return colon < 0
    ? undefined
    : { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}

export function isRobot(account: { username: string; password: string } | undefined): boolean {
  return account?.username === ROBOT.username && account.password === ROBOT.password;
}

export function pullScope(repository: string): string {
  return `repository:${repository}:pull`;
}

export class Accounts {
  private readonly tokens = new Map<string, Token>();
  private readonly refreshTokens = new Set<string>();
  private readonly settings = new Map<string, TokenSettings>();

  set(settings: TokenSettings): void {
    this.settings.set(settings.repository ?? "", settings);
  }

  settingsFor(repository: string): TokenSettings {
    return this.settings.get(repository) ?? this.settings.get("") ?? {};
  }

  /** `lifetime` in seconds. Scopes that this account may not have are left out, as Docker Hub does. */
  issue(scopes: string[], robot: boolean, lifetime: number, now: number): string {
    const granted = scopes.filter((scope) => robot || !scope.startsWith("repository:private/"));
    const token = randomBytes(24).toString("base64url");
    this.tokens.set(token, { scopes: new Set(granted), expires: now + lifetime * 1000 });
    return token;
  }

  issueRefresh(): string {
    const token = randomBytes(24).toString("base64url");
    this.refreshTokens.add(token);
    return token;
  }

  isRefresh(token: string | null): boolean {
    return token !== null && this.refreshTokens.has(token);
  }

  /** Whether this Authorization is a token in force; without it, or without its scope, the challenge says why. */
  check(
    authorization: string | undefined,
    repository: string,
    now: number,
  ): "ok" | "invalid_token" | "insufficient_scope" {
    const token = this.tokens.get(/^bearer +(.*)$/i.exec(authorization ?? "")?.[1] ?? "");
    if (!token || token.expires <= now) return "invalid_token";
    if (repository === "") return "ok";
    const [, , actions = ""] =
      [...token.scopes]
        .map((scope) => /^repository:(.+):(.*)$/.exec(scope) ?? [])
        .find(([, name]) => name === repository) ?? [];
    return actions.split(",").includes("pull") ? "ok" : "insufficient_scope";
  }

  /** Tokens with a scope of this repository, or all, are of no use from now on. */
  revoke(repository?: string): void {
    for (const [token, { scopes }] of this.tokens) {
      const of = [...scopes].some((scope) => scope.startsWith(`repository:${repository}:`));
      if (repository === undefined || of) this.tokens.delete(token);
    }
  }

  clear(repository?: string): void {
    this.revoke(repository);
    if (repository === undefined) this.settings.clear();
    else this.settings.delete(repository);
  }
}
