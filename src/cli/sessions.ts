// `npm run entrepot -- sessions list | end`: lists and ends console sessions.

import { Command, Option } from "commander";
import type { EndedSessionsAnswer, SessionsAnswer } from "../api/sessions.ts";
import { Complaint, openApi } from "./api.ts";
import { type Asking, asking, print, withExamples } from "./command.ts";
import { some, tableOf, timeOf } from "./words.ts";

export function sessionsCommand(): Command {
  const command = new Command("sessions")
    .summary("list and end console sessions")
    .description("List and end console sessions begun with the admin or viewer token.")
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
    .summary("list open sessions")
    .description("List open sessions: their token, start and end.");
  return asking(command, ["sessions list", "sessions list --json"]).action(
    async (options: Asking) => {
      const api = openApi(options.url);
      const answer = await api.ask<SessionsAnswer>("GET", "/api/sessions");
      const rows = answer.sessions.map(({ id, role, beganAt, endsAt }) => [
        id,
        role,
        timeOf(beganAt),
        timeOf(endsAt),
      ]);
      print(answer, options, () =>
        rows.length === 0
          ? ["there are no open sessions"]
          : [some(rows.length, "session"), ...tableOf(["id", "token", "since", "until"], rows)],
      );
    },
  );
}

function endCommand(): Command {
  const command = new Command("end")
    .summary("end a session, or all of a token")
    .description(
      "End a session, or all sessions of a token. Takes effect everywhere within a minute.",
    )
    .argument("[id]", "id of the session, from `sessions list`")
    .addOption(
      new Option("--role <role>", "end all sessions begun with this token").choices([
        "admin",
        "viewer",
      ]),
    );
  return asking(command, [
    "sessions end 6b1f2a90-0c8f-4b53-9d0e-6f0f6a8f2f11",
    "sessions end --role admin --url https://mirror.example.com",
  ]).action(async (id: string | undefined, options: Asking & { role?: string }) => {
    if ((id === undefined) === (options.role === undefined))
      throw new Complaint("give the id of a session, or --role for all sessions of a token", 2);
    const path = id === undefined ? `?role=${options.role}` : `/${encodeURIComponent(id)}`;
    const answer = await openApi(options.url).ask<Partial<EndedSessionsAnswer>>(
      "DELETE",
      `/api/sessions${path}`,
    );
    print(answer, options, () => [
      id === undefined
        ? `ended ${some(answer.ended ?? 0, "session")} of the ${options.role} token; takes effect everywhere within a minute`
        : "ended the session; takes effect everywhere within a minute",
    ]);
  });
}
