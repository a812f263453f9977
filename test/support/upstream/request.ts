// One request to any of the servers, from its arrival to the end of its answer.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Fault, RequestRecord, Server } from "../wire.ts";
import { basicOf } from "./accounts.ts";
import { type Answer, failure, page } from "./answer.ts";
import { aws } from "./aws.ts";
import { readBody } from "./body.ts";
import { text } from "./content.ts";
import { deliver } from "./deliver.ts";
import { door } from "./doors.ts";
import { echoing } from "./echo.ts";
import { google } from "./google.ts";
import { nextHop, redirection } from "./redirects.ts";
import { registry } from "./registry.ts";
import { type Asked, repositoryOf, route } from "./route.ts";
import type { State } from "./state.ts";
import { token } from "./token.ts";

export async function handle(
  state: State,
  server: Server,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const asked = route(server, new URL(`http://fixture${req.url}`));
  const { authorization } = req.headers;
  const body = asked.kind === "token" && req.method === "POST" ? await readBody(req) : undefined;
  const parameters = body
    ? new URLSearchParams(Buffer.from(body).toString())
    : asked.url.searchParams;
  // Only the form of a token request says whose it is.
  if (body && server === "token") asked.repository = repositoryOf(parameters);

  const record = state.journal.open(recordOf(server, asked, req));
  res.once("close", () => state.journal.close(record));

  const refused = door(state, server, asked, req);
  const fault = echoing(state.faults.take(record, refused !== undefined), authorization);
  // Decided now, sent when a hold ends: what a slow registry read is what was there when it was asked.
  const sound = () =>
    asked.kind === "token"
      ? tokenOf(server, state, asked, { req, body, parameters })
      : (nextHop(state, asked) ?? state.limits.apply(record, registry(state, asked, req)));
  const answer = broken(state, asked, fault) ?? refused ?? sound();
  await deliver(res, answer, { record, fault, holds: state.holds, journal: state.journal });
}

interface TokenBody {
  req: IncomingMessage;
  body: Uint8Array | undefined;
  parameters: URLSearchParams;
}

function tokenOf(
  server: Server,
  state: State,
  asked: Asked,
  { req, body, parameters }: TokenBody,
): Answer {
  if (server === "aws") return aws(state, asked, req, body);
  if (server === "google") return google(state, asked, req, parameters);
  const { method = "", headers } = req;
  return token(state, { method, parameters, authorization: headers.authorization });
}

/** The answer of a fault that stands for the whole answer. */
function broken(state: State, asked: Asked, fault: Fault): Answer | undefined {
  if (fault.redirect) return redirection(state, asked, fault);
  if (fault.html) return page();
  if (fault.status === undefined) return undefined;
  if (fault.body === undefined) return failure(fault.status, asked.kind);
  return {
    status: fault.status,
    headers: { "content-type": "text/plain" },
    content: text(fault.body),
  };
}

function recordOf(
  server: Server,
  { kind, repository, reference, url }: Asked,
  req: IncomingMessage,
) {
  const { authorization, range, accept } = req.headers;
  return {
    server,
    method: req.method ?? "",
    path: url.pathname,
    query: url.search,
    kind,
    repository,
    reference,
    range: range ?? null,
    authorization: schemeOf(authorization),
    user: basicOf(authorization)?.username ?? null,
    accept: accept ?? null,
    acceptEncoding: req.headers["accept-encoding"]?.toString() ?? null,
    userAgent: req.headers["user-agent"] ?? null,
    status: 0,
    bytesSent: 0,
    finished: false,
    closed: false,
  } satisfies Omit<RequestRecord, "id">;
}

function schemeOf(authorization: string | undefined): RequestRecord["authorization"] {
  if (authorization === undefined) return "none";
  if (/^bearer /i.test(authorization)) return "bearer";
  return authorization.startsWith("AWS4-") ? "aws4" : "basic";
}
