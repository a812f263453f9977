// `npm run entrepot -- images`: lists, shows, pins and unpins cached images.

import { Command, Option } from "commander";
import type {
  ImageAnswer,
  ImageDetailAnswer,
  ImagePartAnswer,
  ImagesAnswer,
  PinnedAnswer,
} from "../api/images.ts";
import { openApi } from "./api.ts";
import { type Asking, asking, print, wholeNumber, withExamples } from "./command.ts";
import { sizeOf, some, tableOf, timeOf } from "./words.ts";

export const REFERENCE = [
  "<reference>",
  "image, such as docker.io/library/alpine:3, or with @digest",
] as const;
/** Number of characters of a digest that are shown. */
const SHORT = 19;

export function imagesCommand(): Command {
  const command = new Command("images")
    .summary("list, show, pin and unpin cached images")
    .description("List, show, pin and unpin cached images.")
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(pinCommand("pin", "POST", "Pin an image, so that no policy expires it."))
    .addCommand(pinCommand("unpin", "DELETE", "Remove a pin."));
  return withExamples(command, [
    "images list alpine",
    "images list --sort size",
    "images show docker.io/library/alpine:3",
  ]);
}

interface ListOptions extends Asking {
  rule?: string;
  sort: string;
  n: string;
}

function listCommand(): Command {
  const command = new Command("list")
    .summary("list images")
    .description("List images, most recently pulled first.")
    .argument("[search]", "part of a name or a tag, or the beginning of a digest")
    .option("--rule <name>", "only images of this rule")
    .addOption(
      new Option("--sort <what>", "sort order")
        .choices(["pulled", "cached", "name", "size", "pulls"])
        .default("pulled"),
    )
    .option("--n <number>", "maximum number of images", wholeNumber, "50");
  return asking(command, ["images list alpine", "images list --rule docker.io --sort size"]).action(
    async (search: string | undefined, options: ListOptions) => {
      const { rule, sort, n } = options;
      const query = new URLSearchParams({ sort, n });
      if (search !== undefined) query.set("q", search);
      if (rule !== undefined) query.set("rule", rule);
      const answer = await openApi(options.url).ask<ImagesAnswer>("GET", `/api/images?${query}`);
      print(answer, options, ({ images, next }) => [
        ...(images.length === 0 ? ["no cached image matches"] : rowsOf(images)),
        ...unassignedOf(images),
        ...(next === undefined ? [] : ["there are more: use --n or a search text"]),
      ]);
    },
  );
}

function rowsOf(images: readonly ImageAnswer[]): string[] {
  const head = ["image", "digest", "size", "platforms", "last pulled", "pulls", "repository", ""];
  const rows = images.map((one) => [
    `${one.name ?? one.place}${one.tags.length > 0 ? `:${one.tags.join(",")}` : ""}`,
    one.digest.slice(0, SHORT),
    sizeOf(one.size),
    one.platforms.join(" "),
    lastPullOf(one),
    String(one.pulls),
    String(one.repository.pulls),
    one.pinned ? "pinned" : one.expiring ? "expires" : "",
  ]);
  return tableOf(head, rows);
}

function lastPullOf({
  pulledAt,
  unknownSince,
}: Pick<ImageAnswer, "pulledAt" | "unknownSince">): string {
  if (pulledAt !== undefined) return timeOf(pulledAt);
  return unknownSince === undefined ? "never" : `unknown (catalog rebuilt ${timeOf(unknownSince)})`;
}

/** Lines about repositories with pulls that are not assigned to an image. */
function unassignedOf(images: readonly ImageAnswer[]): string[] {
  const places = new Map(images.map((one) => [one.place, one] as const));
  return [...places.values()]
    .filter(({ repository }) => repository.unassigned > 0)
    .map(
      ({ name, place, repository: { unassigned } }) =>
        `${name ?? place}: ${some(unassigned, "more pull")} counted by repository only, before pulls were counted by image`,
    );
}

function showCommand(): Command {
  const command = new Command("show")
    .summary("show an image")
    .description("Show an image: platforms, layers, tags and their history, and referrers.")
    .argument(...REFERENCE);
  return asking(command, [
    "images show docker.io/library/alpine:3",
    "images show docker.io/library/alpine:3 --json",
  ]).action(async (reference: string, options: Asking) => {
    const query = new URLSearchParams({ reference });
    const answer = await openApi(options.url).ask<ImageDetailAnswer>(
      "GET",
      `/api/images/detail?${query}`,
    );
    print(answer, options, wordsOf);
  });
}

function wordsOf(detail: ImageDetailAnswer): string[] {
  const { manifests, tags, history, pins, referrers } = detail;
  const { pulls, pullsByTag, repository } = detail;
  const named = pullsByTag.map((one) => `${one.pulls} by ${one.tag || "its digest"}`).join(", ");
  return [
    `${detail.name} is ${detail.digest} (rule "${detail.rule}")`,
    `${sizeOf(detail.size)} cached, since ${timeOf(detail.cachedAt)}; last pull: ${lastPullOf(detail)}`,
    `${some(pulls, "pull")} in 90 days${named && `: ${named}`}; ${repository.pulls} in the whole repository`,
    ...(detail.partOf ? [`part of ${detail.partOf}`] : []),
    ...(detail.expiring ? [`marked for deletion: ${detail.expiring}`] : []),
    ...(pins.length > 0 ? [`pins: ${pins.map(({ reference }) => reference).join(", ")}`] : []),
    ...manifests.flatMap(({ digest, platform, here, config, layers = [] }) => [
      `${platform ?? "manifest"}  ${digest.slice(0, SHORT)}…${here ? "" : "  not cached"}`,
      ...(config ? [lineOf("config", config)] : []),
      ...layers.map((layer) => lineOf("layer", layer)),
    ]),
    ...tags.map(({ tag, since }) => `tag ${tag} since ${timeOf(since)}`),
    ...history.map(
      ({ tag, digest, since, until }) =>
        `tag ${tag} was ${digest.slice(0, SHORT)}… from ${timeOf(since)} to ${timeOf(until)}`,
    ),
    ...referrers.map(
      ({ digest, artifactType }) => `referrer ${digest.slice(0, SHORT)}…  ${artifactType ?? ""}`,
    ),
  ];
}

function lineOf(what: string, { digest, size, here, sharedBy }: ImagePartAnswer): string {
  const shared = sharedBy > 0 ? `  shared with ${some(sharedBy, "other manifest")}` : "";
  return `  ${what.padEnd(6)} ${digest.slice(0, SHORT)}…  ${sizeOf(size).padStart(7)}${here ? "" : "  not cached"}${shared}`;
}

function pinCommand(name: "pin" | "unpin", method: "POST" | "DELETE", what: string): Command {
  const command = new Command(name)
    .summary(name === "pin" ? "keep an image from expiring" : "remove a pin")
    .description(what)
    .argument(...REFERENCE);
  return asking(command, [
    `images ${name} docker.io/library/alpine:3`,
    `images ${name} docker.io/library/alpine:3 --json`,
  ]).action(async (reference: string, options: Asking) => {
    const query = new URLSearchParams({ reference });
    const answer = await openApi(options.url).ask<PinnedAnswer>(method, `/api/images/pin?${query}`);
    print(answer, options, ({ pinned }) => [
      pinned ? `pinned ${answer.reference}: no policy expires it` : `unpinned ${answer.reference}`,
    ]);
  });
}
