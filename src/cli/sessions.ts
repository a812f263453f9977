// `npm run entrepot -- sessions list | end`: who is signed in to the console, and the end of that.

import { Command, Option } from "commander";
import type { EndedSessionsAnswer, SessionsAnswer } from "../api/sessions.ts";
import { Complaint, openApi } from "./api.ts";
import { type Asking, asking, print, withExamples } from "./command.ts";
import { some, tableOf, timeOf } from "./words.ts";

export function sessionsCommand(): Command {
  const command = new Command("sessions")
    .summary("who is signed in to the console")
    .description("Sessions of the console that were begun with the admin token or the viewer's.")
    .addCommand(listCommand())
    .addCommand(endCommand());
  return withExamples(command, [
    "sessions list",
    "sessions end 6b1f2a90-0c8f-4b53-9d0e-6f0f6a8f2f11",
    "sessions end --role admin",
  ]);
}

function listCommand(): Command {
  const command = new Command("list")
    .summary("lists those that are open")
    .description("Lists the open sessions: of which token, since when, and when they end.");
  return asking(command, ["sessions list", "sessions list --json"]).action(
    async (options: Asking) => {
      const api = openApi(options.url);
      const told = await api.ask<SessionsAnswer>("GET", "/api/sessions");
      const rows = told.sessions.map(({ id, role, beganAt, endsAt }) => [
        id,
        role,
        timeOf(beganAt),
        timeOf(endsAt),
      ]);
      print(told, options, () =>
        rows.length === 0
          ? ["no session is open"]
          : [some(rows.length, "session"), ...tableOf(["id", "token", "since", "until"], rows)],
      );
    },
  );
}

function endCommand(): Command {
  const command = new Command("end")
    .summary("ends one, or all of a token")
    .description(
      "Ends a session, or all of a role: their cookies are good for nothing anywhere within a minute.",
    )
    .argument("[id]", "of the session, as list shows it")
    .addOption(
      new Option("--role <role>", "all that were begun with this token").choices([
        "admin",
        "viewer",
      ]),
    );
  return asking(command, [
    "sessions end 6b1f2a90-0c8f-4b53-9d0e-6f0f6a8f2f11",
    "sessions end --role admin --url https://mirror.example.com",
  ]).action(async (id: string | undefined, options: Asking & { role?: string }) => {
    if ((id === undefined) === (options.role === undefined))
      throw new Complaint("name a session by its id, or all of a token with --role", 2);
    const path = id === undefined ? `?role=${options.role}` : `/${encodeURIComponent(id)}`;
    const told = await openApi(options.url).ask<Partial<EndedSessionsAnswer>>(
      "DELETE",
      `/api/sessions${path}`,
    );
    print(told, options, () => [
      id === undefined
        ? `${some(told.ended ?? 0, "session")} of the ${options.role} token ended, everywhere within a minute`
        : "the session has ended, everywhere within a minute",
    ]);
  });
}
