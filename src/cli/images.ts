// `npm run entrepot -- images`: what is cached, as somebody looks for it; and pinned.

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
  "such as docker.io/library/alpine:3, or with @ and a digest",
] as const;
/** So much of a digest tells one from another, for people. */
const SHORT = 19;

export function imagesCommand(): Command {
  const command = new Command("images")
    .summary("what is cached: list, show, pin, unpin")
    .description("The images that are cached: looked through, looked into, and pinned.")
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(pinCommand("pin", "POST", "Pins an image: no policy expires it."))
    .addCommand(pinCommand("unpin", "DELETE", "Takes a pin back."));
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
    .summary("lists them")
    .description("Lists images, those first that were pulled last.")
    .argument("[search]", "a part of a name or a tag, or the beginning of a digest")
    .option("--rule <name>", "those of one rule")
    .addOption(
      new Option("--sort <what>", "what they are sorted by")
        .choices(["pulled", "cached", "name", "size", "pulls"])
        .default("pulled"),
    )
    .option("--n <number>", "how many", wholeNumber, "50");
  return asking(command, ["images list alpine", "images list --rule docker.io --sort size"]).action(
    async (search: string | undefined, options: ListOptions) => {
      const { rule, sort, n } = options;
      const query = new URLSearchParams({ sort, n });
      if (search !== undefined) query.set("q", search);
      if (rule !== undefined) query.set("rule", rule);
      const told = await openApi(options.url).ask<ImagesAnswer>("GET", `/api/images?${query}`);
      print(told, options, ({ images, next }) => [
        ...(images.length === 0 ? ["nothing is cached that is called so"] : rowsOf(images)),
        ...unassignedOf(images),
        ...(next === undefined ? [] : ["and more: --n shows more of them, or search for a part"]),
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
  return unknownSince === undefined
    ? "never"
    : `unknown, since the rebuild ${timeOf(unknownSince)}`;
}

/** Says of which repositories pulls are known that no image has. */
function unassignedOf(images: readonly ImageAnswer[]): string[] {
  const places = new Map(images.map((one) => [one.place, one] as const));
  return [...places.values()]
    .filter(({ repository }) => repository.unassigned > 0)
    .map(
      ({ name, place, repository: { unassigned } }) =>
        `of ${name ?? place} ${some(unassigned, "pull")} more ${unassigned === 1 ? "is" : "are"} known by repository alone, from before pulls were counted by image`,
    );
}

function showCommand(): Command {
  const command = new Command("show")
    .summary("all that is known of one")
    .description(
      "Shows an image: platforms, layers, tags and what they meant, and what refers to it.",
    )
    .argument(...REFERENCE);
  return asking(command, [
    "images show docker.io/library/alpine:3",
    "images show docker.io/library/alpine:3 --json",
  ]).action(async (reference: string, options: Asking) => {
    const query = new URLSearchParams({ reference });
    const told = await openApi(options.url).ask<ImageDetailAnswer>(
      "GET",
      `/api/images/detail?${query}`,
    );
    print(told, options, wordsOf);
  });
}

function wordsOf(detail: ImageDetailAnswer): string[] {
  const { manifests, tags, history, pins, referrers } = detail;
  const { pulls, pullsByTag, repository } = detail;
  const named = pullsByTag.map((one) => `${one.pulls} by ${one.tag || "its digest"}`).join(", ");
  return [
    `${detail.name} is ${detail.digest}, by the rule "${detail.rule}"`,
    `${sizeOf(detail.size)} here; cached ${timeOf(detail.cachedAt)}, last pulled: ${lastPullOf(detail)}`,
    `${some(pulls, "pull")} in 90 days${named && `: ${named}`}; ${repository.pulls} of the whole repository`,
    ...(detail.partOf ? [`a part of ${detail.partOf}`] : []),
    ...(detail.expiring ? [`marked to go: ${detail.expiring}`] : []),
    ...(pins.length > 0
      ? [`pinned here: ${pins.map(({ reference }) => reference).join(", ")}`]
      : []),
    ...manifests.flatMap(({ digest, platform, here, config, layers = [] }) => [
      `${platform ?? "manifest"}  ${digest.slice(0, SHORT)}…${here ? "" : "  not here"}`,
      ...(config ? [lineOf("config", config)] : []),
      ...layers.map((layer) => lineOf("layer", layer)),
    ]),
    ...tags.map(({ tag, since }) => `tag ${tag} since ${timeOf(since)}`),
    ...history.map(
      ({ tag, digest, since, until }) =>
        `tag ${tag} meant ${digest.slice(0, SHORT)}… from ${timeOf(since)} to ${timeOf(until)}`,
    ),
    ...referrers.map(
      ({ digest, artifactType }) =>
        `referred to by ${digest.slice(0, SHORT)}…  ${artifactType ?? ""}`,
    ),
  ];
}

function lineOf(what: string, { digest, size, here, sharedBy }: ImagePartAnswer): string {
  const shared = sharedBy > 0 ? `  shared with ${some(sharedBy, "other manifest")}` : "";
  return `  ${what.padEnd(6)} ${digest.slice(0, SHORT)}…  ${sizeOf(size).padStart(7)}${here ? "" : "  not here"}${shared}`;
}

function pinCommand(name: "pin" | "unpin", method: "POST" | "DELETE", what: string): Command {
  const command = new Command(name)
    .summary(name === "pin" ? "keeps one from expiring" : "takes that back")
    .description(what)
    .argument(...REFERENCE);
  return asking(command, [
    `images ${name} docker.io/library/alpine:3`,
    `images ${name} docker.io/library/alpine:3 --json`,
  ]).action(async (reference: string, options: Asking) => {
    const query = new URLSearchParams({ reference });
    const told = await openApi(options.url).ask<PinnedAnswer>(method, `/api/images/pin?${query}`);
    print(told, options, ({ pinned }) => [
      pinned
        ? `${told.reference} is pinned: no policy expires it`
        : `${told.reference} is not pinned any more`,
    ]);
  });
}
