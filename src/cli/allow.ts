// `npm run entrepot -- allow DIGEST --until TIME --reason TEXT`, `allow list | confirm | remove`: digests that pass the checks of age,
// signature and vulnerabilities until a time (break-glass).

import { Command } from "commander";
import type { AllowanceAnswer, AllowancesAnswer } from "../api/allowances.ts";
import { openApi } from "./api.ts";
import { type Asking, asking, print, withExamples } from "./command.ts";
import { tableOf, timeOf } from "./words.ts";

const DIGEST = "digest of a manifest: sha256:…";
const EXAMPLE =
  'allow sha256:… --until 24h --reason "INC-1234: fixed release, not yet three days old"';

export function allowCommand(): Command {
  const command = new Command("allow")
    .summary("let a digest pass the checks of trust until a time")
    .description(
      "Let an image pass the checks of age, signature and vulnerabilities until a time (break-glass). It does not pass quarantine or a rule's deny lists.",
    )
    .addCommand(addCommand(), { isDefault: true })
    .addCommand(listCommand())
    .addCommand(confirmCommand())
    .addCommand(removeCommand());
  return withExamples(command, [
    EXAMPLE,
    "allow list",
    "allow confirm sha256:…",
    "allow remove sha256:…",
  ]);
}

function addCommand(): Command {
  const command = new Command("add")
    .summary("allow a digest; the word add may be left out")
    .description(
      "Allow a digest: within a minute it passes everywhere, and for an index, so do its platforms. Replaces an earlier allowance of the digest, with its confirmation.",
    )
    .argument("<digest>", DIGEST)
    .requiredOption(
      "--until <time>",
      "24h, 7d or 2030-01-01T00:00:00Z; at most 30 days from now (required)",
    )
    .requiredOption("--reason <text>", "reason, for the audit log and events (required)");
  return asking(command, [
    EXAMPLE,
    'allow sha256:… --until 2030-01-01T00:00:00Z --reason "INC-1234" --url https://mirror.example.com',
  ]).action(async (digest: string, options: Asking & { until: string; reason: string }) => {
    const { until, reason } = options;
    const body = JSON.stringify({ digest, until, reason });
    const api = openApi(options.url);
    const told = await api.ask<AllowanceAnswer>("POST", "/api/allowances", body);
    print(told, options, () => [
      `allowed ${digest} until ${timeOf(told.until)}: takes effect everywhere within a minute`,
      `rules with allowancePeople = 2 wait for another person: npm run entrepot -- allow confirm ${digest}`,
    ]);
  });
}

function listCommand(): Command {
  const command = new Command("list")
    .summary("list allowances that have not ended")
    .description("List allowances that have not ended: until when, by whom, and why.");
  return asking(command, ["allow list", "allow list --json"]).action(async (options: Asking) => {
    const told = await openApi(options.url).ask<AllowancesAnswer>("GET", "/api/allowances");
    const rows = told.allowances.map(({ digest, until, who, confirmedBy, reason }) => [
      digest,
      timeOf(until),
      who,
      confirmedBy ?? "not confirmed",
      reason,
    ]);
    print(told, options, () =>
      rows.length === 0
        ? ["there are no allowances"]
        : tableOf(["digest", "until", "by", "confirmed by", "reason"], rows),
    );
  });
}

function confirmCommand(): Command {
  const command = new Command("confirm")
    .summary("confirm another person's allowance")
    .description(
      "Confirm an allowance that another person added, for rules with allowancePeople = 2. Does not extend it. The admin token is one person, however many hold it.",
    )
    .argument("<digest>", DIGEST);
  return asking(command, [
    "allow confirm sha256:…",
    "allow confirm sha256:… --url https://mirror.example.com",
  ]).action(async (digest: string, options: Asking) => {
    const api = openApi(options.url);
    const { allowances } = await api.ask<AllowancesAnswer>("GET", "/api/allowances");
    const read = allowances.find((one) => one.digest === digest);
    // Terms that a second person has not seen are not confirmed.
    const query = read ? `?at=${encodeURIComponent(read.at)}` : "";
    const told = await api.ask<AllowanceAnswer>("POST", `${pathOf(digest)}/confirm${query}`);
    print(told, options, () => [
      `confirmed the allowance of ${digest} by ${told.who}, until ${timeOf(told.until)}: ${told.reason}`,
    ]);
  });
}

function removeCommand(): Command {
  const command = new Command("remove")
    .summary("remove an allowance before its end")
    .description("Remove an allowance before its end. Takes effect everywhere within a minute.")
    .argument("<digest>", DIGEST);
  return asking(command, [
    "allow remove sha256:…",
    "allow remove sha256:… --url https://mirror.example.com",
  ]).action(async (digest: string, options: Asking) => {
    const told = await openApi(options.url).ask<AllowanceAnswer>("DELETE", pathOf(digest));
    print(told, options, () => [`removed the allowance of ${digest}`]);
  });
}

function pathOf(digest: string): string {
  return `/api/allowances/${encodeURIComponent(digest)}`;
}
