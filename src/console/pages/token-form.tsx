// Token form: creates a pull token, and shows it once.

import type { TokenAnswer } from "../../api/tokens.ts";
import { shell } from "../../setup/quote.ts";
import { orRefused, Refused } from "../parts/api.ts";
import { fieldIn, Line, Lines, listOf } from "../parts/fields.tsx";
import { Card, CopyBlock } from "../parts/parts.tsx";
import type { Done, PageVisit, Sections, View } from "../parts/visit.ts";
import { formPage } from "./form-page.tsx";

const SECTION = "/tokens";

export function addTokenForm({ action }: Sections): void {
  action("/tokens/new", async () => formView(new URLSearchParams()), createToken);
}

function formView(given: URLSearchParams, problems: readonly string[] = []): View {
  const value = (name: string) => given.get(name) ?? "";
  return formPage({
    title: "Create a pull token",
    section: SECTION,
    action: "/tokens/new",
    button: "Create token",
    back: "/tokens",
    problems,
    children: (
      <>
        <Line
          label="Name"
          name="name"
          value={value("name")}
          required
          placeholder="ci, or a cluster's name"
        />
        <Lines
          label="Repositories"
          name="repositories"
          rows={3}
          value={value("repositories")}
          required
          placeholder={"docker.io/library/*\nghcr.io/acme/**"}
          hint={
            <>
              Globs over image names as clients write them, one per line. <code>*</code> matches
              within a path component, <code>**</code> any number of components, <code>*</code>{" "}
              alone everything.
            </>
          }
        />
        <Line
          label="Expires after"
          name="expiry"
          value={value("expiry")}
          placeholder="90d; empty: never"
        />
        <Line
          label="Allowed networks"
          name="networks"
          value={value("networks")}
          placeholder="203.0.113.0/24; empty: any"
        />
        <label class="switch">
          <input type="checkbox" name="quiet" value="true" checked={value("quiet") === "true"} />
          Pulls do not count as use: for update bots and scanners, which must not keep images from
          expiring
        </label>
      </>
    ),
  });
}

/** Shows the token in the response itself: a redirect would need to store it for the next page. */
async function createToken({ api, url }: PageVisit, form: URLSearchParams): Promise<Done | View> {
  const expiry = fieldIn(form, "expiry");
  const body = {
    name: fieldIn(form, "name"),
    repositories: listOf(form.get("repositories") ?? ""),
    networks: listOf(form.get("networks") ?? ""),
    ...(expiry !== "" && { expiry }),
    ...(form.get("quiet") === "true" && { touches: false }),
  };
  const answer = await orRefused(
    api.send<TokenAnswer & { token: string }>("POST", "/tokens", { body }),
  );
  if (answer instanceof Refused) return formView(form, answer.problems);
  const { token, name, id } = answer;
  const insecure = url.protocol === "http:";
  return {
    title: `Pull token ${name}`,
    section: SECTION,
    status: 201,
    body: (
      <>
        <div class="notice good" role="status">
          <p>Copy the token now: it is not shown again. This cache stores only its hash.</p>
        </div>
        <Card>
          <CopyBlock label="Pull token" text={token} />
          <p>To log in, use it as the password:</p>
          <CopyBlock label="Docker login" text={`docker login -u token ${shell(url.host)}`} />
          <CopyBlock
            label="Podman login"
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
