// `npm run entrepot -- webhooks list | test | dead | redeliver | drop`: receivers of events, and what could not be delivered to them.

import { Command } from "commander";
import type {
  ChangedLettersAnswer,
  DeadLettersAnswer,
  WebhookAnswer,
  WebhooksAnswer,
  WebhookTestAnswer,
} from "../api/webhooks.ts";
import { Complaint, openApi } from "./api.ts";
import { type Asking, asking, print, wholeNumber, withExamples } from "./command.ts";
import { SIGNS, some, tableOf, timeOf } from "./words.ts";

const NAME = "name of the webhook in WEBHOOKS";

export function webhooksCommand(): Command {
  const command = new Command("webhooks")
    .summary("show receivers of events, and dead letters")
    .description(
      "Show the receivers of events (WEBHOOKS in wrangler.toml), test them, and send dead letters again.",
    )
    .addCommand(listCommand())
    .addCommand(testCommand())
    .addCommand(deadCommand())
    .addCommand(redeliverCommand())
    .addCommand(dropCommand());
  return withExamples(command, [
    "webhooks list",
    "webhooks test deploys",
    "webhooks redeliver deploys --all",
  ]);
}

function listCommand(): Command {
  const command = new Command("list")
    .summary("list webhooks")
    .description("List webhooks: what each sends where, its last delivery, and what waits.");
  return asking(command, ["webhooks list", "webhooks list --json"]).action(
    async (options: Asking) => {
      const answer = await openApi(options.url).ask<WebhooksAnswer>("GET", "/api/webhooks");
      print(answer, options, ({ webhooks }) =>
        webhooks.length === 0 ? ["no webhooks: see WEBHOOKS"] : webhooks.flatMap(linesOf),
      );
    },
  );
}

function linesOf(webhook: WebhookAnswer): string[] {
  const { name, url, events, repositories, last, pending, deadLetters, oldestAt } = webhook;
  const { problem, unread, goneAt, failures } = webhook;
  const isBad = problem !== undefined || unread !== undefined || goneAt !== undefined;
  const sign = isBad ? "bad" : failures > 0 || deadLetters > 0 ? "careful" : "good";
  const of = repositories ? `, of ${repositories.join(", ")}` : "";
  const since = oldestAt === undefined ? "" : ` since ${timeOf(oldestAt)}`;
  return [
    `${SIGNS[sign]} ${name} → ${url}: ${events.includes("*") ? "all events" : events.join(", ")}${of}`,
    ...(problem === undefined ? [] : [`    nothing is sent: ${problem}`]),
    ...(goneAt === undefined ? [] : [`    switched off by 410 Gone at ${timeOf(goneAt)}`]),
    ...(last ? [`    last: ${last.event} ${last.subject}, ${resultOf(last)}`] : []),
    unread === undefined
      ? `    ${pending} waiting${since}, ${some(deadLetters, "dead letter")}`
      : `    its state cannot be read: ${unread}`,
  ];
}

function resultOf({ at, status, error }: WebhookTestAnswer): string {
  return `${error ?? `answered ${status}`} at ${timeOf(at)}`;
}

function testCommand(): Command {
  const command = new Command("test")
    .summary("send a test event")
    .description(
      "Send a test event at once, and print the receiver's status. Exits with 1 unless it is a success.",
    )
    .argument("<name>", NAME);
  return asking(command, ["webhooks test deploys", "webhooks test deploys --json"]).action(
    async (name: string, options: Asking) => {
      const path = `/api/webhooks/${encodeURIComponent(name)}/test`;
      const answer = await openApi(options.url).ask<WebhookTestAnswer>("POST", path);
      const isGood = answer.error === undefined;
      if (!isGood) process.exitCode = 1;
      print(answer, options, ({ took }) => [
        `${SIGNS[isGood ? "good" : "bad"]} ${name}: ${resultOf(answer)}, after ${took} ms`,
      ]);
    },
  );
}

function deadCommand(): Command {
  const command = new Command("dead")
    .summary("list dead letters")
    .description("List deliveries that were given up, latest first.")
    .argument("<name>", NAME)
    .option("--n <number>", "number of dead letters (default: 100)", wholeNumber);
  return asking(command, ["webhooks dead deploys", "webhooks dead deploys --n 5"]).action(
    async (name: string, options: Asking & { n?: string }) => {
      const query = options.n === undefined ? "" : `?n=${options.n}`;
      const path = `/api/webhooks/${encodeURIComponent(name)}/dead${query}`;
      const answer = await openApi(options.url).ask<DeadLettersAnswer>("GET", path);
      const rows = answer.deadLetters.map((one) => [
        ...[String(one.id), timeOf(one.queuedAt), one.event, one.subject],
        ...[String(one.attempts), one.error],
      ]);
      print(answer, options, () =>
        rows.length === 0
          ? ["no dead letters"]
          : tableOf(["id", "queued", "event", "subject", "attempts", "last error"], rows),
      );
    },
  );
}

interface Which extends Asking {
  all?: boolean;
}

function redeliverCommand(): Command {
  const command = new Command("redeliver")
    .summary("send dead letters again")
    .description("Send a dead letter, or all, again: with the same id, and retried for a day.")
    .argument("<name>", NAME)
    .argument("[id]", "id of the dead letter")
    .option("--all", "all dead letters of the webhook");
  return asking(command, [
    "webhooks redeliver deploys 1042",
    "webhooks redeliver deploys --all",
  ]).action(async (name: string, id: string | undefined, options: Which) => {
    const path = `${pathOf(name, id, options)}/redeliver`;
    const answer = await openApi(options.url).ask<ChangedLettersAnswer>("POST", path);
    print(answer, options, ({ count }) => [`${some(count, "dead letter")} will be sent again`]);
  });
}

function dropCommand(): Command {
  const command = new Command("drop")
    .summary("delete dead letters")
    .description("Delete a dead letter, or all: the receiver never gets them.")
    .argument("<name>", NAME)
    .argument("[id]", "id of the dead letter")
    .option("--all", "all dead letters of the webhook");
  return asking(command, ["webhooks drop deploys 1042", "webhooks drop deploys --all"]).action(
    async (name: string, id: string | undefined, options: Which) => {
      const path = pathOf(name, id, options);
      const answer = await openApi(options.url).ask<ChangedLettersAnswer>("DELETE", path);
      print(answer, options, ({ count }) => [`${some(count, "dead letter")} deleted`]);
    },
  );
}

/** Throws a Complaint unless exactly one of an id and --all is given. */
function pathOf(name: string, id: string | undefined, { all = false }: Which): string {
  if ((id === undefined) !== all) throw new Complaint("give the id of a dead letter, or --all", 2);
  const which = id === undefined ? "all" : encodeURIComponent(id);
  return `/api/webhooks/${encodeURIComponent(name)}/dead/${which}`;
}
