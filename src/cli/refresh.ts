// `npm run entrepot -- refresh IMAGE …`: asks the registries now what these tags mean.

import { Command } from "commander";
import type { RefreshedAnswer } from "../api/images.ts";
import { Complaint, openApi } from "./api.ts";
import { type Asking, asking, print } from "./command.ts";
import { complain, say } from "./lines.ts";

export function refreshCommand(): Command {
  const command = new Command("refresh")
    .summary("asks the registries now what tags mean")
    .description(
      "Asks the registries now what these tags mean, whatever their age, and has the manifests here. Ends with 1 where one could not be refreshed.",
    )
    .argument("<image...>", "as a client names it, with a tag; one or more");
  return asking(
    command,
    [
      "refresh docker.io/library/alpine:3   after a release, say",
      "refresh docker.io/library/alpine:3 quay.io/prometheus/busybox:latest --json",
    ],
    "prints a list of what the API answers, in the order of the images",
  ).action(refresh);
}

/** With --json a list, whose order is that of the images. */
async function refresh(images: string[], options: Asking): Promise<void> {
  const api = openApi(options.url);
  const all: (RefreshedAnswer | { reference: string; error: string })[] = [];
  for (const reference of images) {
    const query = new URLSearchParams({ reference });
    try {
      const told = await api.ask<RefreshedAnswer>("POST", `/api/images/refresh?${query}`);
      all.push(told);
      if (!options.json) say(`✔ ${told.reference}  ${told.digest}  ${changeOf(told)}`);
    } catch (error) {
      if (!(error instanceof Complaint)) throw error;
      all.push({ reference, error: error.message });
      complain(`✘ ${reference}: ${error.message}`);
      process.exitCode = 1;
    }
  }
  print(all, options, () => []);
}

function changeOf({ moved, before }: RefreshedAnswer): string {
  if (moved) return `moved from ${before}`;
  return before ? "as it was" : "known now";
}
