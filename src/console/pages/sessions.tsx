// The console's own sessions: which are open, and the end of one, or of all of a role.

import type { SessionAnswer } from "../../http/admin/sessions.ts";
import { Refused } from "../parts/api.ts";
import { ActionLink, Card, Confirm, Empty, Time } from "../parts/parts.tsx";
import type { Done, PageVisit, Sections, View } from "../parts/visit.ts";

const SECTION = "/tokens";
const ROLES = ["admin", "viewer"] as const;
type Role = (typeof ROLES)[number];

export function addSessions({ page, action }: Sections): void {
  page("/sessions", sessionsPage);
  action("/sessions/end", ending, ended);
  action("/sessions/end-all", endingAll, endedAll);
}

async function sessionsPage({ api, now, person }: PageVisit): Promise<View> {
  const { sessions } = await api.get<{ sessions: SessionAnswer[] }>("/sessions");
  const mayChange = person.role === "admin";
  return {
    title: "Sessions",
    section: SECTION,
    body: (
      <>
        <p class="buttons">
          {ROLES.map((role) => (
            <ActionLink may={mayChange} href={`/sessions/end-all?role=${role}`}>
              End all of the {role} token
            </ActionLink>
          ))}
        </p>
        {sessions.length === 0 ? (
          <Empty title="No session is open">
            <p>A session begins with a sign-in by a token, and lasts twelve hours.</p>
          </Empty>
        ) : (
          <Card>
            <ul class="events">
              {sessions.map(({ id, role, beganAt, endsAt, yours }) => (
                <li>
                  <Time at={beganAt} now={now} />
                  <p>
                    The {role} token <code class="hint">{id.slice(0, 8)}</code>
                    {yours && <span class="badge">this one</span>}
                    <br />
                    <span class="hint">
                      ends <Time at={endsAt} now={now} />
                    </span>{" "}
                    <ActionLink may={mayChange} href={`/sessions/end?id=${id}`}>
                      End it
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

async function ending({ query }: PageVisit): Promise<View> {
  const id = query.get("id") ?? "";
  return {
    title: "End this session?",
    section: SECTION,
    body: (
      <Confirm action="/sessions/end" fields={{ id }} button="End it" danger back="/sessions">
        <p>
          Its browser is signed out everywhere within a minute, and so is any copy of its cookie.
        </p>
      </Confirm>
    ),
  };
}

async function ended({ api }: PageVisit, form: URLSearchParams): Promise<Done> {
  await api.send("DELETE", `/sessions/${encodeURIComponent(form.get("id") ?? "")}`);
  const said = { good: true, text: "The session has ended, everywhere within a minute." };
  return { to: "/sessions", said };
}

async function endingAll({ query }: PageVisit): Promise<View> {
  const role = roleIn(query);
  return {
    title: `End all sessions of the ${role} token?`,
    section: SECTION,
    body: (
      <Confirm
        action="/sessions/end-all"
        fields={{ role }}
        button="End all"
        danger
        back="/sessions"
      >
        <p>
          Everybody who has signed in with the {role} token is signed out within a minute. Who has
          the token can sign in again: to keep a person out, set another token.
        </p>
      </Confirm>
    ),
  };
}

async function endedAll({ api }: PageVisit, form: URLSearchParams): Promise<Done> {
  const role = roleIn(form);
  await api.send("DELETE", "/sessions", { role });
  const text = `All sessions of the ${role} token have ended, everywhere within a minute.`;
  return { to: "/sessions", said: { good: true, text } };
}

function roleIn(given: URLSearchParams): Role {
  const role = ROLES.find((one) => one === given.get("role"));
  if (!role) throw new Refused(400, ["role: must be admin or viewer"]);
  return role;
}
