// Tokens page: lists and revokes pull tokens.

import type { TokenAnswer, TokensAnswer } from "../../api/tokens.ts";
import { type Api, Refused } from "../parts/api.ts";
import { ActionLink, Confirm, Empty, Time } from "../parts/parts.tsx";
import { Scroll } from "../parts/table.tsx";
import type { Done, PageVisit, Sections, View } from "../parts/visit.ts";

const SECTION = "/tokens";

export function addTokens({ page, action }: Sections): void {
  page("/tokens", tokensPage);
  action("/tokens/revoke", revokeForm, revokeToken);
}

async function tokensPage({ api, now, person }: PageVisit): Promise<View> {
  const tokens = await tokensOf(api);
  const mayChange = person.role === "admin";
  return {
    title: "Pull tokens",
    section: SECTION,
    body: (
      <>
        <p class="buttons">
          <ActionLink may={mayChange} href="/tokens/new" kind="main">
            Create token
          </ActionLink>
          <a class="button" href="/sessions">
            Console sessions
          </a>
        </p>
        {tokens.length === 0 ? (
          <Empty title="No pull tokens yet">
            <p>
              Clients send a pull token as the password, with any user name: in{" "}
              <code>podman login</code>, an image pull secret, or containerd's configuration. Create
              one for each client, limited to the repositories that it needs.
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
            <th scope="col">Repositories</th>
            <th scope="col">State</th>
            <th scope="col">Last used</th>
            <th scope="col">Created</th>
            {mayChange && <th scope="col">Actions</th>}
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
                {token.touches === false && <p class="hint">pulls do not count as use</p>}
              </td>
              <td>
                <span class={`badge ${MARKS[token.state]}`}>{token.state}</span>{" "}
                {token.state === "valid" && token.expiresAt !== undefined && (
                  <span class="hint">
                    expires <Time at={token.expiresAt} now={now} />
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

async function revokeForm({ api, query }: PageVisit): Promise<View> {
  const token = (await tokensOf(api)).find(({ id }) => id === query.get("id"));
  if (!token) throw new Refused(404, ["there is no pull token with this ID"]);
  return {
    title: `Revoke the token ${token.name}?`,
    section: SECTION,
    body: (
      <Confirm
        action="/tokens/revoke"
        fields={{ id: token.id }}
        button="Revoke token"
        danger
        back="/tokens"
      >
        <p>
          The token stops working everywhere within a minute; clients that use it get 401. This
          cannot be undone.
        </p>
      </Confirm>
    ),
  };
}

async function revokeToken({ api }: PageVisit, form: URLSearchParams): Promise<Done> {
  const id = form.get("id") ?? "";
  const { name } = await api.send<TokenAnswer>("DELETE", `/tokens/${encodeURIComponent(id)}`);
  const flash = { good: true, text: `The token ${name} is revoked, everywhere within a minute.` };
  return { to: `/tokens#token-${id}`, flash };
}

async function tokensOf(api: Api): Promise<TokenAnswer[]> {
  return (await api.get<TokensAnswer>("/tokens")).tokens;
}
