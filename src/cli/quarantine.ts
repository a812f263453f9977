// `npm run entrepot -- quarantine add | list | remove`: digests that a cache gives to nobody.

import { Command } from "commander";
import type { QuarantineAnswer, QuarantinedAnswer, ReleasedAnswer } from "../api/quarantine.ts";
import { openApi } from "./api.ts";
import { type Asking, asking, print, withExamples } from "./command.ts";
import { tableOf, timeOf } from "./words.ts";

const DIGEST = "of a manifest or a blob: sha256:…";

export function quarantineCommand(): Command {
  const command = new Command("quarantine")
    .summary("digests that nobody gets")
    .description("Digests that nobody gets, by whatever rule and name, until they are taken out.")
    .addCommand(addCommand())
    .addCommand(listCommand())
    .addCommand(removeCommand());
  return withExamples(command, [
    'quarantine add sha256:… --reason "CVE-2026-1234"',
    "quarantine list",
    "quarantine remove sha256:…",
  ]);
}

function addCommand(): Command {
  const command = new Command("add")
    .summary("puts a digest into it")
    .description(
      "Puts a digest into quarantine: nobody gets it any more, anywhere within a minute.",
    )
    .argument("<digest>", DIGEST)
    .requiredOption("--reason <text>", "what whoever asks for it is told (required)");
  return asking(command, [
    'quarantine add sha256:… --reason "CVE-2026-1234"',
    'quarantine add sha256:… --reason "ask in #platform" --url https://mirror.example.com',
  ]).action(async (digest: string, options: Asking & { reason: string }) => {
    const body = JSON.stringify({ digest, reason: options.reason });
    const told = await openApi(options.url).ask<QuarantinedAnswer>("POST", "/api/quarantine", body);
    print(told, options, () => [
      `${digest} is in quarantine: nobody gets it any more, anywhere within a minute`,
    ]);
  });
}

function listCommand(): Command {
  const command = new Command("list")
    .summary("lists what is in it")
    .description("Lists what is in quarantine: since when, by whom, and why.");
  return asking(command, ["quarantine list", "quarantine list --json"]).action(
    async (options: Asking) => {
      const api = openApi(options.url);
      const told = await api.ask<QuarantineAnswer>("GET", "/api/quarantine");
      const rows = told.quarantine.map(({ digest, at, who, reason }) => [
        digest,
        timeOf(at),
        who,
        reason,
      ]);
      print(told, options, () =>
        rows.length === 0
          ? ["nothing is in quarantine"]
          : tableOf(["digest", "since", "by", "reason"], rows),
      );
    },
  );
}

function removeCommand(): Command {
  const command = new Command("remove")
    .summary("takes a digest out of it")
    .description("Takes a digest out of quarantine.")
    .argument("<digest>", DIGEST);
  return asking(command, [
    "quarantine remove sha256:…",
    "quarantine remove sha256:… --url https://mirror.example.com",
  ]).action(async (digest: string, options: Asking) => {
    const path = `/api/quarantine/${encodeURIComponent(digest)}`;
    const told = await openApi(options.url).ask<ReleasedAnswer>("DELETE", path);
    print(told, options, () => [`${digest} is out of quarantine`]);
  });
}
