// `npm run entrepot -- delete`: a tag or an image is deleted.

import { Command } from "commander";
import type { DeletedAnswer } from "../api/images.ts";
import { openApi } from "./api.ts";
import { type Asking, asking, print } from "./command.ts";
import { REFERENCE } from "./images.ts";
import { sizeOf, some } from "./words.ts";

export function deleteCommand(): Command {
  const command = new Command("delete")
    .summary("deletes a tag, or an image")
    .description(
      "Deletes a tag, with its last tag the image, or by its digest an image with all its tags. What nothing refers to then goes with the next sweeps, after their grace.",
    )
    .argument(...REFERENCE)
    .option("--force", "also what is pinned");
  return asking(command, [
    "delete docker.io/library/alpine:3",
    "delete docker.io/library/alpine:3 --force --json",
  ]).action(async (reference: string, options: Asking & { force?: boolean }) => {
    const query = new URLSearchParams({ reference, ...(options.force && { force: "true" }) });
    const told = await openApi(options.url).ask<DeletedAnswer>("DELETE", `/api/images?${query}`);
    print(told, options, ({ reference: name, image, tags, waiting, freed }) => [
      ...(image
        ? [
            `${name} is deleted, with ${some(tags.length, "tag")}; ${sizeOf(freed)} come free with the next sweeps`,
          ]
        : tags.length > 0
          ? [`${name} is deleted; the image stays, by what else leads to it`]
          : []),
      ...(waiting.length > 0
        ? [`being checked at this moment, and deleted by the next sweep: ${waiting.join(", ")}`]
        : []),
      ...(!image && tags.length + waiting.length === 0
        ? [`${name} means something else by now: nothing is deleted`]
        : []),
    ]);
    if (!told.image && told.tags.length === 0) process.exitCode = 1;
  });
}
