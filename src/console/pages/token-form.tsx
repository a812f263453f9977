// Making a pull token: the form, and the one page that shows the token.

import type { TokenAnswer } from "../../http/admin/access.ts";
import { shell } from "../../setup/quote.ts";
import { orRefused, Refused } from "../parts/api.ts";
import { Line, Lines, listOf } from "../parts/fields.tsx";
import { Card, Copied } from "../parts/parts.tsx";
import type { Done, PageVisit, Sections, View } from "../parts/visit.ts";
import { formPage } from "./form-page.tsx";

const SECTION = "/tokens";

export function addTokenForm({ action }: Sections): void {
  action("/tokens/new", async () => formView(new URLSearchParams()), made);
}

function formView(given: URLSearchParams, problems: readonly string[] = []): View {
  const value = (name: string) => given.get(name) ?? "";
  return formPage({
    title: "Make a pull token",
    section: SECTION,
    action: "/tokens/new",
    button: "Make it",
    back: "/tokens",
    problems,
    children: (
      <>
        <Line
          label="What it is for"
          name="name"
          value={value("name")}
          required
          placeholder="ci, or the cluster's name"
        />
        <Lines
          label="May pull"
          name="repositories"
          rows={3}
          value={value("repositories")}
          required
          placeholder={"docker.io/library/*\nghcr.io/acme/**"}
          hint={
            <>
              Globs over names as clients say them, one a line: <code>*</code> within a part,{" "}
              <code>**</code> over any number of parts, <code>*</code> alone is everything.
            </>
          }
        />
        <Line
          label="Ends after"
          name="expiry"
          value={value("expiry")}
          placeholder="90d; empty: never"
        />
        <Line
          label="Only from these networks"
          name="networks"
          value={value("networks")}
          placeholder="203.0.113.0/24; empty: from everywhere"
        />
        <label class="switch">
          <input type="checkbox" name="quiet" value="true" checked={value("quiet") === "true"} />
          Keeps no image alive: for a tool that only looks, such as an update bot or a scanner
        </label>
      </>
    ),
  });
}

/** It is shown by the answer itself: a page that is led to would have to be told it. */
async function made({ api, url }: PageVisit, form: URLSearchParams): Promise<Done | View> {
  const expiry = (form.get("expiry") ?? "").trim();
  const body = {
    name: (form.get("name") ?? "").trim(),
    repositories: listOf(form.get("repositories") ?? ""),
    networks: listOf(form.get("networks") ?? ""),
    ...(expiry !== "" && { expiry }),
    ...(form.get("quiet") === "true" && { touches: false }),
  };
  const answer = await orRefused(
    api.send<TokenAnswer & { token: string }>("POST", "/tokens", {}, body),
  );
  if (answer instanceof Refused) return formView(form, answer.problems);
  const { token, name, id } = answer;
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
          <Copied label="With Docker" text={`docker login -u token ${shell(url.host)}`} />
          <Copied
            label="With Podman"
            text={`podman login ${insecure ? "--tls-verify=false " : ""}-u token ${shell(url.host)}`}
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
}
