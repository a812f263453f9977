// Released root: the trusted root of sigstore's public instance that comes with this release; `entrepot trust update` renews the file.

import { createHash } from "node:crypto";
import type { Config } from "../config/read.ts";
import { type TrustedRoot, trustedRootEnds } from "../config/trusted-root.ts";
import type { Signer, VerifyEntry } from "../config/verify.ts";
import root from "./trusted-root.json" with { type: "json" };

export const releasedRoot: unknown = root;

let version: string | undefined;

/** A hash over the released root. */
export function releasedVersion(): string {
  version ??= createHash("sha256").update(JSON.stringify(root)).digest("hex");
  return version;
}

/** Whether an entry's signers are verified with the trusted root. */
export function needsRoot({ all, any }: Pick<VerifyEntry, "all" | "any">): boolean {
  const needs = (signer: Signer) =>
    signer.kind === "keyless" || (signer.kind === "key" && signer.log);
  return [...all, ...any].some(needs);
}

let end: { text: string | undefined; at: number | undefined } | undefined;

/** When the trusted root ends that the rules' signers need, in ms; undefined if none needs it, or it has no end. */
export function rootEndOf({ rules, signers: { root: text } }: Config): number | undefined {
  if (!rules.some(({ rule }) => rule.verify?.entries.some(needsRoot))) return undefined;
  if (!end || end.text !== text) {
    const given: unknown = text === undefined ? root : JSON.parse(text);
    end = { text, at: trustedRootEnds(given as TrustedRoot) };
  }
  return end.at;
}
