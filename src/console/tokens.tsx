// Pull tokens: made, shown once, and revoked.

import type { TokenAnswer } from "../http/api-access.ts";
import { type Api, Refused } from "./api.ts";
import { ActionLink, Card, Confirm, Copied, Empty, Problems, Scroll, Time } from "./parts.tsx";
import type { Done, Sections, View, Visit } from "./visit.ts";

const SECTION = "/tokens";

export function addTokens({ page, action }: Sections): void {
  page("/tokens", tokensPage);
  action("/tokens/new", async () => formView(new URLSearchParams()), made);
  action("/tokens/revoke", revoking, revoked);
}

async function tokensPage({ api, now, person }: Visit): Promise<View> {
  const tokens = await tokensOf(api);
  const mayChange = person.role === "admin";
  return {
    title: "Pull tokens",
    section: SECTION,
    body: (
      <>
        <p class="buttons">
          <ActionLink may={mayChange} href="/tokens/new">
            Make a token
          </ActionLink>
        </p>
        {tokens.length === 0 ? (
          <Empty title="No token yet">
            <p>
              A pull token is the password of any user: <code>podman login</code>, an image pull
              secret, a node's containerd. Give each client its own, for the repositories that it
              needs.
            </p>
          </Empty>
        ) : (
          <TokenTable tokens={tokens} mayChange={mayChange} now={now} />
        )}
      </>
    ),
  };
}

const MARKS: Record<TokenAnswer["state"], string> = {
  valid: "good",
  expired: "careful",
  revoked: "bad",
};

function TokenTable({
  tokens,
  mayChange,
  now,
}: {
  tokens: readonly TokenAnswer[];
  mayChange: boolean;
  now: number;
}) {
  return (
    <Scroll label="Tokens">
      <table>
        <thead>
          <tr>
            <th scope="col">Token</th>
            <th scope="col">May pull</th>
            <th scope="col">State</th>
            <th scope="col">Used last</th>
            <th scope="col">Made</th>
            {mayChange && <th scope="col">Change</th>}
          </tr>
        </thead>
        <tbody>
          {tokens.map((token) => (
            <tr id={`token-${token.id}`}>
              <th scope="row">
                {token.name}
                <br />
                <code class="hint">{token.id.slice(0, 8)}</code>
              </th>
              <td>
                {token.repositories.map((glob) => (
                  <code class="glob">{glob}</code>
                ))}
                {token.networks.length > 0 && <p class="hint">from {token.networks.join(", ")}</p>}
              </td>
              <td>
                <span class={`badge ${MARKS[token.state]}`}>{token.state}</span>{" "}
                {token.state === "valid" && token.expiresAt !== undefined && (
                  <span class="hint">
                    ends <Time at={token.expiresAt} now={now} />
                  </span>
                )}
                {token.revokedAt !== undefined && (
                  <span class="hint">
                    <Time at={token.revokedAt} now={now} /> by {token.revokedBy}
                  </span>
                )}
              </td>
              <td>{token.usedAt === undefined ? "never" : <Time at={token.usedAt} now={now} />}</td>
              <td>
                <Time at={token.createdAt} now={now} />{" "}
                <span class="hint">by {token.createdBy}</span>
              </td>
              {mayChange && (
                <td>
                  {token.state === "valid" && (
                    <a class="button danger" href={`/tokens/revoke?id=${token.id}`}>
                      Revoke
                    </a>
                  )}
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function formView(given: URLSearchParams, problems: readonly string[] = []): View {
  const value = (name: string) => given.get(name) ?? "";
  return {
    title: "Make a pull token",
    section: SECTION,
    ...(problems.length > 0 && { status: 400 }),
    body: (
      <>
        {problems.length > 0 && <Problems problems={problems} />}
        <form method="post" action="/tokens/new" class="card stack">
          <label>
            What it is for
            <input
              type="text"
              name="name"
              value={value("name")}
              required
              placeholder="ci, or the cluster's name"
            />
          </label>
          <label>
            May pull
            <textarea
              name="repositories"
              rows={3}
              required
              spellcheck={false}
              placeholder={"docker.io/library/*\nghcr.io/acme/**"}
            >
              {value("repositories")}
            </textarea>
            <span class="hint">
              Globs over names as clients say them, one a line: <code>*</code> within a part,{" "}
              <code>**</code> over any number of parts, <code>*</code> alone is everything.
            </span>
          </label>
          <label>
            Ends after
            <input
              type="text"
              name="expiry"
              value={value("expiry")}
              placeholder="90d; empty: never"
              spellcheck={false}
            />
          </label>
          <label>
            Only from these networks
            <input
              type="text"
              name="networks"
              value={value("networks")}
              placeholder="203.0.113.0/24; empty: from everywhere"
              spellcheck={false}
            />
          </label>
          <p class="buttons">
            <button type="submit">Make it</button>
            <a class="button quiet" href="/tokens">
              No, back
            </a>
          </p>
        </form>
      </>
    ),
  };
}

/** It is shown by the answer itself: a page that is led to would have to be told it. */
async function made({ api, url }: Visit, form: URLSearchParams): Promise<Done | View> {
  const listOf = (name: string) =>
    (form.get(name) ?? "").split(/[\s,]+/).filter((part) => part !== "");
  const expiry = (form.get("expiry") ?? "").trim();
  const body = {
    name: (form.get("name") ?? "").trim(),
    repositories: listOf("repositories"),
    networks: listOf("networks"),
    ...(expiry !== "" && { expiry }),
  };
  try {
    const { token, name, id } = await api.send<TokenAnswer & { token: string }>(
      "POST",
      "/tokens",
      {},
      body,
    );
    const insecure = url.protocol === "http:";
    return {
      title: `The token of ${name}`,
      section: SECTION,
      status: 201,
      body: (
        <>
          <div class="said good" role="status">
            <p>
              It is shown this once. Keep it where its client finds it; here its hash alone is kept.
            </p>
          </div>
          <Card>
            <Copied label="The token" text={token} />
            <p>To log in with it, paste it as the password:</p>
            <Copied label="With Docker" text={`docker login -u token ${url.host}`} />
            <Copied
              label="With Podman"
              text={`podman login ${insecure ? "--tls-verify=false " : ""}-u token ${url.host}`}
            />
            <p class="buttons">
              <a class="button" href="/setup">
                Set up a client
              </a>
              <a class="button quiet" href={`/tokens#token-${id}`}>
                All tokens
              </a>
            </p>
          </Card>
        </>
      ),
    };
  } catch (error) {
    if (error instanceof Refused) return formView(form, error.problems);
    throw error;
  }
}

async function revoking({ api, query }: Visit): Promise<View> {
  const token = (await tokensOf(api)).find(({ id }) => id === query.get("id"));
  if (!token) throw new Refused(404, ["there is no pull token of this id"]);
  return {
    title: `Revoke the token of ${token.name}?`,
    section: SECTION,
    body: (
      <Confirm
        action="/tokens/revoke"
        fields={{ id: token.id }}
        button="Revoke it"
        danger
        back="/tokens"
      >
        <p>
          It is good for nothing anywhere within a minute, and that cannot be undone. Whoever uses
          it is answered 401.
        </p>
      </Confirm>
    ),
  };
}

async function revoked({ api }: Visit, form: URLSearchParams): Promise<Done> {
  const id = form.get("id") ?? "";
  const { name } = await api.send<TokenAnswer>("DELETE", `/tokens/${encodeURIComponent(id)}`);
  const said = { good: true, text: `The token of ${name} is revoked, everywhere within a minute.` };
  return { to: `/tokens#token-${id}`, said };
}

async function tokensOf(api: Api): Promise<TokenAnswer[]> {
  return (await api.get<{ tokens: TokenAnswer[] }>("/tokens")).tokens;
}
