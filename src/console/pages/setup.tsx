// Setup page: configuration files for each client, the same text that `/setup/<client>` returns to curl.

import { CLIENTS } from "../../setup/clients.ts";
import { CopyBlock, Tabs } from "../parts/parts.tsx";
import type { PageVisit, Sections, View } from "../parts/visit.ts";

export function addSetup({ page }: Sections): void {
  page("/setup", setupPage);
}

const LOGINS: [value: string, name: string][] = [
  ["", "Cache default"],
  ["true", "With login"],
  ["false", "Without login"],
];

async function setupPage({ api, query, url, facts }: PageVisit): Promise<View> {
  const login = LOGINS.find(([value]) => value === query.get("login"))?.[0] ?? "";
  const texts = await Promise.all(CLIENTS.map(({ name }) => api.text(`/setup/${name}`, { login })));
  const wanted = CLIENTS.find(({ name }) => name === query.get("client"));
  return {
    title: "Set up clients",
    section: "/setup",
    body: (
      <>
        <p>
          Client configuration for the address and rules of this cache, ready to paste. Scripts read
          the pull token from <code>ENTREPOT_TOKEN</code>, and stop if it is not set:{" "}
          <a href="/tokens">create a token</a> for each client. The{" "}
          <a href="/guide/clients">guide</a> explains each way to name an image.
        </p>
        {facts().enforces && (
          <div class="notice">
            <p>
              A rule enforces checks, so the files leave clients no way past this cache. Docker's
              registry mirrors, BuildKit and GKE always have one:{" "}
              <a href="/guide/trust#a-mirror-that-refuses">a mirror that refuses</a>.
            </p>
          </div>
        )}
        <Tabs
          label="Login"
          tabs={LOGINS.map(([value, name]) => [
            value === "" ? "/setup" : `/setup?login=${value}`,
            name,
          ])}
          current={LOGINS.find(([value]) => value === login)?.[1] ?? ""}
        />
        <ul class="jumps">
          {CLIENTS.map(({ name, title }) => (
            <li>
              <a href={`#${name}`}>{title}</a>
            </li>
          ))}
        </ul>
        {CLIENTS.map((client, at) => (
          <details class="card" id={client.name} open={client === (wanted ?? CLIENTS[0])}>
            <summary>{client.title}</summary>
            <CopyBlock label={client.title} text={texts[at] ?? ""} />
            <p class="hint">
              The same with curl: <code>{`${url.origin}/setup/${client.name}`}</code>
            </p>
          </details>
        ))}
      </>
    ),
  };
}
