// Console sessions: the open ones, and ending them.

import { z } from "@hono/zod-openapi";
import { time } from "./fields.ts";

export const role = z.enum(["admin", "viewer"], { error: "must be admin or viewer" });

export const session = z
  .object({
    id: z.string(),
    role,
    beganAt: time,
    endsAt: time,
    yours: z.boolean().openapi({ description: "the session of this request" }),
  })
  .openapi("Session");
export type SessionAnswer = z.infer<typeof session>;

export const sessions = z.object({ sessions: z.array(session) });
export type SessionsAnswer = z.infer<typeof sessions>;

export const endedSessions = z.object({ ended: z.int() });
export type EndedSessionsAnswer = z.infer<typeof endedSessions>;
