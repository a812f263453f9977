// `npm run entrepot -- images | delete`: what is cached, as somebody looks for it; pinned, and deleted.

import { Command, Option } from "commander";
import { openApi } from "./api.ts";
import { type Asking, asking, print, wholeNumber, withExamples } from "./command.ts";
import { sizeOf, some, tableOf, timeOf } from "./words.ts";

interface Image {
  name?: string;
  place: string;
  digest: string;
  tags: string[];
  platforms: string[];
  size: number;
  cachedAt: string;
  pulledAt: string;
  pulls: number;
  pinned: boolean;
  expiring?: string;
}

interface Part {
  digest: string;
  mediaType: string;
  size: number;
  here: boolean;
  sharedBy: number;
}

interface Detail {
  name: string;
  rule: string;
  digest: string;
  mediaType: string;
  cachedAt: string;
  pulledAt?: string;
  expiring?: string;
  partOf?: string;
  size: number;
  manifests: {
    digest: string;
    platform?: string;
    here: boolean;
    config?: Part & { created?: string };
    layers?: Part[];
  }[];
  tags: { tag: string; since: string }[];
  history: { tag: string; digest: string; since: string; until: string }[];
  pins: { reference: string }[];
  referrers: { digest: string; artifactType?: string; size: number }[];
}

const REFERENCE = [
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
      const told = await openApi(options.url).ask<{ images: Image[]; next?: string }>(
        "GET",
        `/api/images?${query}`,
      );
      print(told, options, ({ images, next }) => [
        ...(images.length === 0 ? ["nothing is cached that is called so"] : rowsOf(images)),
        ...(next === undefined ? [] : ["and more: --n shows more of them, or search for a part"]),
      ]);
    },
  );
}

function rowsOf(images: readonly Image[]): string[] {
  const head = ["image", "digest", "size", "platforms", "last pulled", "pulls", ""];
  const rows = images.map((one) => [
    `${one.name ?? one.place}${one.tags.length > 0 ? `:${one.tags.join(",")}` : ""}`,
    one.digest.slice(0, SHORT),
    sizeOf(one.size),
    one.platforms.join(" "),
    timeOf(one.pulledAt),
    String(one.pulls),
    one.pinned ? "pinned" : one.expiring ? "expires" : "",
  ]);
  return tableOf(head, rows);
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
    const told = await openApi(options.url).ask<Detail>("GET", `/api/images/detail?${query}`);
    print(told, options, wordsOf);
  });
}

function wordsOf(detail: Detail): string[] {
  const { manifests, tags, history, pins, referrers } = detail;
  const pulled = detail.pulledAt === undefined ? "" : `, last pulled ${timeOf(detail.pulledAt)}`;
  return [
    `${detail.name} is ${detail.digest}, by the rule "${detail.rule}"`,
    `${sizeOf(detail.size)} here; cached ${timeOf(detail.cachedAt)}${pulled}`,
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

function lineOf(what: string, { digest, size, here, sharedBy }: Part): string {
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
    const told = await openApi(options.url).ask<{ reference: string; pinned: boolean }>(
      method,
      `/api/images/pin?${query}`,
    );
    print(told, options, ({ pinned }) => [
      pinned
        ? `${told.reference} is pinned: no policy expires it`
        : `${told.reference} is not pinned any more`,
    ]);
  });
}

interface Deleted {
  reference: string;
  tags: string[];
  waiting: string[];
  image: boolean;
  freed: number;
}

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
    const told = await openApi(options.url).ask<Deleted>("DELETE", `/api/images?${query}`);
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
