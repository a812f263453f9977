// `npm run entrepot -- quarantine add | list | remove`: digests that a cache serves to no client.

import { Command } from "commander";
import type { QuarantineAnswer, QuarantinedAnswer, ReleasedAnswer } from "../api/quarantine.ts";
import { openApi } from "./api.ts";
import { type Asking, asking, print, withExamples } from "./command.ts";
import { tableOf, timeOf } from "./words.ts";

const DIGEST = "digest of a manifest or a blob: sha256:…";

export function quarantineCommand(): Command {
  const command = new Command("quarantine")
    .summary("manage digests that are served to no client")
    .description("Manage digests that are served to no client, under any rule and name.")
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
    .summary("quarantine a digest")
    .description("Quarantine a digest: within a minute it is served to no client anywhere.")
    .argument("<digest>", DIGEST)
    .requiredOption("--reason <text>", "reason shown to clients that request it (required)");
  return asking(command, [
    'quarantine add sha256:… --reason "CVE-2026-1234"',
    'quarantine add sha256:… --reason "ask in #platform" --url https://mirror.example.com',
  ]).action(async (digest: string, options: Asking & { reason: string }) => {
    const body = JSON.stringify({ digest, reason: options.reason });
    const answer = await openApi(options.url).ask<QuarantinedAnswer>(
      "POST",
      "/api/quarantine",
      body,
    );
    print(answer, options, () => [
      `quarantined ${digest}: takes effect everywhere within a minute`,
    ]);
  });
}

function listCommand(): Command {
  const command = new Command("list")
    .summary("list quarantined digests")
    .description("List quarantined digests: since when, by whom, and why.");
  return asking(command, ["quarantine list", "quarantine list --json"]).action(
    async (options: Asking) => {
      const api = openApi(options.url);
      const answer = await api.ask<QuarantineAnswer>("GET", "/api/quarantine");
      const rows = answer.quarantine.map(({ digest, at, who, reason }) => [
        digest,
        timeOf(at),
        who,
        reason,
      ]);
      print(answer, options, () =>
        rows.length === 0
          ? ["the quarantine is empty"]
          : tableOf(["digest", "since", "by", "reason"], rows),
      );
    },
  );
}

function removeCommand(): Command {
  const command = new Command("remove")
    .summary("remove a digest from quarantine")
    .description("Remove a digest from quarantine.")
    .argument("<digest>", DIGEST);
  return asking(command, [
    "quarantine remove sha256:…",
    "quarantine remove sha256:… --url https://mirror.example.com",
  ]).action(async (digest: string, options: Asking) => {
    const path = `/api/quarantine/${encodeURIComponent(digest)}`;
    const answer = await openApi(options.url).ask<ReleasedAnswer>("DELETE", path);
    print(answer, options, () => [`removed ${digest} from quarantine`]);
  });
}
