// Console: the admin pages, behind the same authentication as the admin API. Pages read and change everything through that API, and work
// without JavaScript.

import { type Context, Hono } from "hono";
import type { Child } from "hono/jsx";
import { textOf } from "../http/shared/body.ts";
import { type ConsoleHost, pathIn, wantsPage } from "../http/shared/console-host.ts";
import { errorResponse, nothingHere } from "../http/shared/respond.ts";
import { RegistryError } from "../oci/error.ts";
import { asRegistryError } from "../platform/rpc.ts";
import { pageText } from "../text/plain.ts";
import { answerAsset } from "./assets/assets.ts";
import { addAllowances } from "./pages/allowances.tsx";
import { addDeadLetters } from "./pages/dead-letters.tsx";
import { addDocs } from "./pages/docs.tsx";
import { addEvents } from "./pages/events.tsx";
import { addExplain } from "./pages/explain.tsx";
import { addGuide } from "./pages/guide.tsx";
import { addHeld } from "./pages/held.tsx";
import { addImage } from "./pages/image.tsx";
import { addImageActions } from "./pages/image-actions.tsx";
import { addImages } from "./pages/images.tsx";
import { addLifecycle } from "./pages/lifecycle.tsx";
import { addOverview } from "./pages/overview.tsx";
import { addPrewarm } from "./pages/prewarm.tsx";
import { addPrewarmJob } from "./pages/prewarm-job.tsx";
import { addQuarantine } from "./pages/quarantine.tsx";
import { addRule } from "./pages/rule.tsx";
import { addRules } from "./pages/rules.tsx";
import { addSessions } from "./pages/sessions.tsx";
import { addSetup } from "./pages/setup.tsx";
import { ConsoleDisabled, SignIn } from "./pages/sign-in.tsx";
import { addTokenForm } from "./pages/token-form.tsx";
import { addTokens } from "./pages/tokens.tsx";
import { addUpstreams } from "./pages/upstreams.tsx";
import { addVulnerabilities } from "./pages/vulnerabilities.tsx";
import { addWebhooks } from "./pages/webhooks.tsx";
import { Api, Refused, withQuery } from "./parts/api.ts";
import { flashCookie, flashIn } from "./parts/flash.ts";
import { Frame, Plain } from "./parts/frame.tsx";
import { Problems } from "./parts/parts.tsx";
import {
  type Action,
  type Page,
  type PageVisit,
  type Sections,
  themeIn,
  type View,
} from "./parts/visit.ts";

/** Headers of every page: scripts and styles from this origin only, against injected markup (XSS); no framing, against clickjacking.
 * `Referrer-Policy: same-origin`, since with `no-referrer` a browser sends `Origin: null` with a form (Fetch, "serializing a request
 * origin"), which the check of a form's origin refuses. */
const HEADERS = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "same-origin",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Cache-Control": "no-store",
};
/** Maximum length of a form, in bytes. */
const MAX_FORM_BYTES = 300 * 1024;

export function createConsole(host: ConsoleHost): Hono {
  const app = new Hono();
  const sections: Sections = {
    page: (path, page) => void app.get(path, (context) => renderPage(host, context, page)),
    action: (path, ask, act) => {
      app.get(path, (context) => renderPage(host, context, ask));
      app.post(path, (context) => runAction(host, context, act));
    },
  };
  for (const add of [
    addOverview,
    addImages,
    addImage,
    addImageActions,
    addUpstreams,
    addRules,
    addRule,
    addLifecycle,
    addPrewarm,
    addPrewarmJob,
    addTokens,
    addTokenForm,
    addSessions,
    addEvents,
    addWebhooks,
    addDeadLetters,
    addQuarantine,
    addAllowances,
    addVulnerabilities,
    addHeld,
    addExplain,
    addSetup,
    addGuide,
    addDocs,
  ])
    add(sections);
  app.get("/assets/*", ({ req }) => answerAsset(req.raw) ?? notFound());
  app.get("/sign-in", (context) => renderSignIn(host, context));
  app.post("/sign-in", (context) => handleSignIn(host, context));
  app.post("/sign-out", async ({ req }) => redirectTo("/sign-in", [await host.signOut(req.raw)]));
  app.notFound(notFound);
  app.onError((error, context) => renderError(error, context));
  return app;
}

async function openVisit(host: ConsoleHost, context: Context): Promise<PageVisit> {
  const { raw } = context.req;
  const url = new URL(raw.url);
  const person = await host.admit(raw);
  const ask = async (path: string, init: RequestInit) => {
    const headers = new Headers(raw.headers);
    // These headers describe the page's request, not the API request.
    for (const name of ["content-type", "content-length", "if-match", "if-none-match"])
      headers.delete(name);
    for (const [name, value] of Object.entries(init.headers ?? {})) headers.set(name, value);
    headers.set("accept", "application/json");
    return host.ask(new Request(new URL(path, url), { ...init, headers }), context);
  };
  return {
    url,
    query: url.searchParams,
    person,
    api: new Api(ask),
    facts: () => host.facts(url),
    flash: flashIn(raw),
    theme: themeIn(raw),
    now: Date.now(),
  };
}

async function renderPage(host: ConsoleHost, context: Context, page: Page): Promise<Response> {
  const visit = await openVisit(host, context);
  try {
    return renderView(visit, await page(visit));
  } catch (error) {
    if (error instanceof Refused) return renderView(visit, refusalView(error));
    throw error;
  }
}

async function runAction(host: ConsoleHost, context: Context, act: Action): Promise<Response> {
  const visit = await openVisit(host, context);
  const form = await formIn(context.req.raw);
  try {
    const outcome = await act(visit, form);
    return "body" in outcome
      ? renderView(visit, outcome)
      : redirectTo(outcome.to, [flashCookie(visit.url, outcome.flash)]);
  } catch (error) {
    if (error instanceof Refused) return renderView(visit, refusalView(error));
    throw error;
  }
}

function renderView(visit: PageVisit, view: View): Response {
  // A flash is shown once. A background refresh of a page carries none.
  const cookies = visit.flash ? [flashCookie(visit.url, undefined)] : [];
  return html(<Frame visit={visit} view={view} />, view.status, cookies);
}

function refusalView({ status, problems }: Refused): View {
  const title = status === 404 ? "Not found" : "Request refused";
  return { title, section: "", status, body: <Problems problems={problems} /> };
}

function renderSignIn(host: ConsoleHost, context: Context, problem?: RegistryError): Response {
  const url = new URL(context.req.url);
  const to = pathIn(url.searchParams.get("to") ?? undefined);
  const response = html(
    <Plain title="Sign in" theme={themeIn(context.req.raw)}>
      <SignIn to={to} ways={host.ways()} problem={problem?.message} />
    </Plain>,
    problem?.status ?? 200,
  );
  return withRetry(response, problem);
}

/** Copies the error's `Retry-After`: when a limit or an outage may be over. */
function withRetry(response: Response, problem: RegistryError | undefined): Response {
  const after = problem?.headers?.["Retry-After"];
  if (after !== undefined) response.headers.set("Retry-After", after);
  return response;
}

async function handleSignIn(host: ConsoleHost, context: Context): Promise<Response> {
  const form = await formIn(context.req.raw);
  try {
    const cookie = await host.signIn((form.get("token") ?? "").trim(), context.req.raw);
    return redirectTo(pathIn(form.get("to") ?? undefined), [cookie]);
  } catch (error) {
    if (error instanceof RegistryError) return renderSignIn(host, context, error);
    throw error;
  }
}

/** Renders an error of a page or of its authentication. A browser that is not authenticated is redirected to the sign-in page. */
function renderError(error: unknown, context: Context): Response {
  const { raw } = context.req;
  const known = asRegistryError(error);
  if (!wantsPage(raw)) return errorResponse(known);
  const url = new URL(raw.url);
  if (known.status === 401)
    return redirectTo(
      withQuery("/sign-in", { to: raw.method === "GET" ? url.pathname + url.search : "/" }),
    );
  const body = known.status === 404 ? <ConsoleDisabled /> : <Problems problems={[known.message]} />;
  const title = known.status === 404 ? "Console not enabled" : "Request failed";
  const page = html(
    <Plain title={title} theme={themeIn(context.req.raw)}>
      {body}
    </Plain>,
    known.status,
  );
  return withRetry(page, known);
}

function notFound(): Response {
  return errorResponse(nothingHere());
}

async function formIn(request: Request): Promise<URLSearchParams> {
  const text = await textOf(request, MAX_FORM_BYTES, "a form");
  return new URLSearchParams(text);
}

function redirectTo(path: string, cookies: readonly string[] = []): Response {
  return withCookies(
    new Response(null, { status: 303, headers: { ...HEADERS, Location: pathIn(path) } }),
    cookies,
  );
}

/** Renders every page. `pageText` cleans names, labels and errors here, including those that were stored before input was checked. */
function html(page: Child, status = 200, cookies: readonly string[] = []): Response {
  const headers = { ...HEADERS, "Content-Type": "text/html; charset=utf-8" };
  return withCookies(
    new Response(pageText(`<!doctype html>${page}`), { status, headers }),
    cookies,
  );
}

function withCookies(response: Response, cookies: readonly string[]): Response {
  for (const cookie of cookies) response.headers.append("Set-Cookie", cookie);
  return response;
}
