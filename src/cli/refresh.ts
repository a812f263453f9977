// `npm run entrepot -- refresh IMAGE …`: asks the registries for the digests of tags now.

import { Command } from "commander";
import type { RefreshedAnswer } from "../api/images.ts";
import { Complaint, openApi } from "./api.ts";
import { type Asking, asking, print } from "./command.ts";
import { complain, say } from "./lines.ts";
import { timeOf } from "./words.ts";

export function refreshCommand(): Command {
  const command = new Command("refresh")
    .summary("check tags at their registries now")
    .description(
      "Ask the registries for the digests of these tags now, whatever their age, and cache the manifests. Exits with 1 if one could not be refreshed.",
    )
    .argument("<image...>", "one or more images as clients name them, with a tag");
  return asking(
    command,
    [
      "refresh docker.io/library/alpine:3   after a release",
      "refresh docker.io/library/alpine:3 quay.io/prometheus/busybox:latest --json",
    ],
    "print a list of the answers of the API, in the order of the images",
  ).action(refresh);
}

async function refresh(images: string[], options: Asking): Promise<void> {
  const api = openApi(options.url);
  const all: (RefreshedAnswer | { reference: string; error: string })[] = [];
  for (const reference of images) {
    const query = new URLSearchParams({ reference });
    try {
      const answer = await api.ask<RefreshedAnswer>("POST", `/api/images/refresh?${query}`);
      all.push(answer);
      if (!options.json) say(`✔ ${answer.reference}  ${answer.digest}  ${changeOf(answer)}`);
    } catch (error) {
      if (!(error instanceof Complaint)) throw error;
      all.push({ reference, error: error.message });
      complain(`✘ ${reference}: ${error.message}`);
      process.exitCode = 1;
    }
  }
  print(all, options, () => []);
}

function changeOf({ moved, before, held }: RefreshedAnswer): string {
  const change = moved ? `moved from ${before}` : before ? "unchanged" : "new";
  if (!held) return change;
  const end = held.until === undefined ? "it is released" : timeOf(held.until);
  return `${change}, too young: ${held.serves ? `serves ${held.serves}` : "refused"} until ${end}`;
}
