// API routes for console sessions: the open ones, and ending them early.

import { z } from "@hono/zod-openapi";
import type { Session } from "../../access/contract.ts";
import type { AccessServices } from "../../access/services.ts";
import { endedSessions, role, type SessionAnswer, session, sessions } from "../../api/sessions.ts";
import { timeOf } from "../shared/answers.ts";
import type { Admin } from "./admin.ts";
import { ApiProblem } from "./problem.ts";
import { type Api, add } from "./routes.ts";

export function addSessions(api: Api, { access, snapshot }: AccessServices, admin: Admin): void {
  const answerOf = ({ id, role, beganAt, endsAt }: Session, request: Request): SessionAnswer => {
    const yours = admin.person(request).session === id;
    return { id, role, beganAt: timeOf(beganAt), endsAt: timeOf(endsAt), yours };
  };

  add(
    api,
    {
      method: "get",
      path: "/sessions",
      summary: "Lists open console sessions begun with a token, latest first",
      answer: sessions,
    },
    async (_, { req }) => {
      const open = await access.sessions(Date.now());
      return { sessions: open.map((one) => answerOf(one, req.raw)) };
    },
  );

  add(
    api,
    {
      method: "delete",
      path: "/sessions/{id}",
      summary: "Ends a session; takes effect everywhere within a minute",
      params: { id: z.string() },
      answer: session,
      problems: [404],
    },
    async (_, { req }) => {
      const now = Date.now();
      const ended = await access.endSession(req.param("id") as string, admin.who(req.raw), now);
      if (!ended) throw new ApiProblem("not-found", "there is no open session with this id");
      const answer = answerOf(ended, req.raw);
      await snapshot.readNow(now);
      return answer;
    },
  );

  add(
    api,
    {
      method: "delete",
      path: "/sessions",
      summary: "Ends all sessions of a role; takes effect everywhere within a minute",
      query: { role },
      answer: endedSessions,
    },
    async ({ role }, { req }) => {
      const now = Date.now();
      const ended = await access.endSessions(role, admin.who(req.raw), now);
      await snapshot.readNow(now);
      return { ended };
    },
  );
}
