// Sessions page: open console sessions, and ending one or all of a role.

import type { SessionsAnswer } from "../../api/sessions.ts";
import { Refused } from "../parts/api.ts";
import { ActionLink, Card, Confirm, Empty, Time } from "../parts/parts.tsx";
import type { Done, PageVisit, Sections, View } from "../parts/visit.ts";

const SECTION = "/tokens";
const ROLES = ["admin", "viewer"] as const;
type Role = (typeof ROLES)[number];

export function addSessions({ page, action }: Sections): void {
  page("/sessions", sessionsPage);
  action("/sessions/end", endForm, endSession);
  action("/sessions/end-all", endAllForm, endAllSessions);
}

async function sessionsPage({ api, now, person }: PageVisit): Promise<View> {
  const { sessions } = await api.get<SessionsAnswer>("/sessions");
  const mayChange = person.role === "admin";
  return {
    title: "Sessions",
    section: SECTION,
    body: (
      <>
        <p class="buttons">
          {ROLES.map((role) => (
            <ActionLink may={mayChange} href={`/sessions/end-all?role=${role}`}>
              End all {role} sessions
            </ActionLink>
          ))}
        </p>
        {sessions.length === 0 ? (
          <Empty title="No open sessions">
            <p>A session starts with a sign-in by token, and lasts twelve hours.</p>
          </Empty>
        ) : (
          <Card>
            <ul class="events">
              {sessions.map(({ id, role, beganAt, endsAt, yours }) => (
                <li>
                  <Time at={beganAt} now={now} />
                  <p>
                    {role} token <code class="hint">{id.slice(0, 8)}</code>
                    {yours && <span class="badge">this session</span>}
                    <br />
                    <span class="hint">
                      expires <Time at={endsAt} now={now} />
                    </span>{" "}
                    <ActionLink may={mayChange} href={`/sessions/end?id=${id}`}>
                      End session
                    </ActionLink>
                  </p>
                </li>
              ))}
            </ul>
          </Card>
        )}
      </>
    ),
  };
}

async function endForm({ query }: PageVisit): Promise<View> {
  const id = query.get("id") ?? "";
  return {
    title: "End this session?",
    section: SECTION,
    body: (
      <Confirm action="/sessions/end" fields={{ id }} button="End session" danger back="/sessions">
        <p>
          The browser is signed out everywhere within a minute; copies of its cookie stop working,
          too.
        </p>
      </Confirm>
    ),
  };
}

async function endSession({ api }: PageVisit, form: URLSearchParams): Promise<Done> {
  await api.send("DELETE", `/sessions/${encodeURIComponent(form.get("id") ?? "")}`);
  const flash = { good: true, text: "The session is ended, everywhere within a minute." };
  return { to: "/sessions", flash };
}

async function endAllForm({ query }: PageVisit): Promise<View> {
  const role = roleIn(query);
  return {
    title: `End all ${role} sessions?`,
    section: SECTION,
    body: (
      <Confirm
        action="/sessions/end-all"
        fields={{ role }}
        button="End sessions"
        danger
        back="/sessions"
      >
        <p>
          Everyone who signed in with the {role} token is signed out within a minute. Anyone who has
          the token can sign in again; to prevent that, set a new token.
        </p>
      </Confirm>
    ),
  };
}

async function endAllSessions({ api }: PageVisit, form: URLSearchParams): Promise<Done> {
  const role = roleIn(form);
  await api.send("DELETE", "/sessions", { query: { role } });
  const text = `All ${role} sessions are ended, everywhere within a minute.`;
  return { to: "/sessions", flash: { good: true, text } };
}

function roleIn(given: URLSearchParams): Role {
  const role = ROLES.find((one) => one === given.get("role"));
  if (!role) throw new Refused(400, ["role: must be admin or viewer"]);
  return role;
}
