// `npm run entrepot -- delete`: deletes a tag or an image.

import { Command } from "commander";
import type { DeletedAnswer } from "../api/images.ts";
import { openApi } from "./api.ts";
import { type Asking, asking, print } from "./command.ts";
import { REFERENCE } from "./images.ts";
import { sizeOf, some } from "./words.ts";

export function deleteCommand(): Command {
  const command = new Command("delete")
    .summary("delete a tag or an image")
    .description(
      "Delete a tag (and the image, if it was its last tag), or by digest an image with all its tags. Content that nothing refers to any more is freed by the next sweeps, after the grace period.",
    )
    .argument(...REFERENCE)
    .option("--force", "delete even if it is pinned");
  return asking(command, [
    "delete docker.io/library/alpine:3",
    "delete docker.io/library/alpine:3 --force --json",
  ]).action(async (reference: string, options: Asking & { force?: boolean }) => {
    const query = new URLSearchParams({ reference, ...(options.force && { force: "true" }) });
    const answer = await openApi(options.url).ask<DeletedAnswer>("DELETE", `/api/images?${query}`);
    print(answer, options, ({ reference: name, image, tags, waiting, freed }) => [
      ...(image
        ? [`deleted ${name} and ${some(tags.length, "tag")}; the next sweeps free ${sizeOf(freed)}`]
        : tags.length > 0
          ? [`deleted ${name}; the image stays, since other references lead to it`]
          : []),
      ...(waiting.length > 0
        ? [`being checked right now; the next sweep deletes: ${waiting.join(", ")}`]
        : []),
      ...(!image && tags.length + waiting.length === 0
        ? [`${name} has moved in the meantime; nothing was deleted`]
        : []),
    ]);
    if (!answer.image && answer.tags.length === 0) process.exitCode = 1;
  });
}
