// `npm run entrepot -- held list | release`: tags that a rule's minimum age keeps at an older digest.

import { Command } from "commander";
import type { HeldAnswer, HeldReleasedAnswer, HeldTagAnswer } from "../api/held.ts";
import { openApi } from "./api.ts";
import { type Asking, asking, print, withExamples } from "./command.ts";
import { tableOf, timeOf } from "./words.ts";

export function heldCommand(): Command {
  const command = new Command("held")
    .summary("tags that are too young, and their release")
    .description(
      "Tags that a rule's minimumAge keeps at an older digest, or refuses, because their new digest was not seen for long enough.",
    )
    .addCommand(listCommand(), { isDefault: true })
    .addCommand(releaseCommand());
  return withExamples(command, [
    "held",
    'held release docker.io/library/alpine:3 --reason "fixes CVE-2026-1234"',
  ]);
}

function listCommand(): Command {
  const command = new Command("list")
    .summary("list held tags")
    .description(
      "List held tags: what each serves, its new digest, since when it was seen, until when it is held, and how often the tag moved within the minimum age.",
    );
  return asking(command, ["held list", "held list --json"]).action(async (options: Asking) => {
    const api = openApi(options.url);
    const all: HeldTagAnswer[] = [];
    for (let cursor: string | undefined; ; ) {
      const query = new URLSearchParams({ n: "1000", ...(cursor && { cursor }) });
      const page = await api.ask<HeldAnswer>("GET", `/api/held?${query}`);
      all.push(...page.held);
      cursor = page.next;
      if (cursor === undefined) break;
    }
    print({ held: all }, options, () =>
      all.length === 0
        ? ["no tag is held"]
        : tableOf(
            ["tag", "serves", "new digest", "seen since", "held until", "moves"],
            all.map(row),
          ),
    );
  });
}

function row({ reference, serves, candidate, since, until, moves }: HeldTagAnswer): string[] {
  return [
    reference,
    serves === undefined ? "nothing" : short(serves),
    short(candidate),
    timeOf(since),
    until === undefined ? "released" : timeOf(until),
    String(moves),
  ];
}

function short(digest: string): string {
  return digest.slice(0, digest.indexOf(":") + 13);
}

function releaseCommand(): Command {
  const command = new Command("release")
    .summary("serve a held tag's new digest")
    .description(
      "Serve a held tag's new digest before it is old enough. The release is for this digest alone; it is written to the audit log, and ends.",
    )
    .argument("<reference>", "the tag as clients name it")
    .requiredOption("--reason <text>", "reason, for the audit log and the event (required)")
    .option("--until <time>", "end of the release (default: 30 days, or when it is old enough)")
    .option("--digest <digest>", "release this digest, and no other that the tag may mean by now");
  return asking(command, [
    'held release docker.io/library/alpine:3 --reason "fixes CVE-2026-1234"',
    'held release docker.io/library/alpine:3 --reason "tested" --until 2026-12-24T18:00:00Z',
  ]).action(async (reference: string, options: Asking & Release) => {
    const { reason, until, digest } = options;
    const body = JSON.stringify({ reference, reason, until, digest });
    const api = openApi(options.url);
    const told = await api.ask<HeldReleasedAnswer>("POST", "/api/held/release", body);
    print(told, options, () => [
      `released ${told.reference} at ${told.digest} until ${timeOf(told.until)}: takes effect everywhere within a minute`,
    ]);
  });
}

interface Release {
  reason: string;
  until?: string;
  digest?: string;
}
