// The ECR API, as far as it gives logins: GetAuthorizationToken, its signature verified as AWS does (Signature Version 4).

import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { ACCESS_KEYS, REGION } from "../wire.ts";
import { type Answer, json } from "./answer.ts";
import type { Asked } from "./route.ts";
import type { State } from "./state.ts";

const TARGET = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken";
const TYPE = "application/x-amz-json-1.1";
const MUST_BE_SIGNED = ["host", "x-amz-date", "x-amz-target"];
/** Milliseconds. */
const MOST_SKEW = 15 * 60_000;
/** Seconds. */
const LIFE = 12 * 3600;

interface AccessKey {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

export function aws(
  state: State,
  { url, repository }: Asked,
  req: IncomingMessage,
  body: Uint8Array | undefined,
): Answer {
  if (!body) return failed(404, "UnknownOperationException");
  const refused = verify(url, req, body, Date.now());
  if (refused) return refused;
  if (req.headers["x-amz-target"] !== TARGET) return failed(400, "UnknownOperationException");
  if (req.headers["content-type"] !== TYPE || !isObject(body))
    return failed(400, "SerializationException");
  const { expiresIn, lifetime = expiresIn ?? LIFE } = state.accounts.settingsFor(repository);
  const now = Date.now();
  // As long as they really are: it must fit into a header, and into whatever keeps it.
  const password = state.logins.issue({ username: "AWS", repository, size: 2500 }, lifetime, now);
  const data = {
    authorizationToken: Buffer.from(`AWS:${password}`).toString("base64"),
    ...(expiresIn !== null && { expiresAt: now / 1000 + (expiresIn ?? LIFE) }),
    proxyEndpoint: `http://127.0.0.1:${state.ports.basic}`,
  };
  return json(200, { authorizationData: [data] }, { "content-type": TYPE });
}

function failed(status: number, type: string, message?: string): Answer {
  return json(status, { __type: type, ...(message && { message }) }, { "content-type": TYPE });
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, *SignedHeaders=([^,]+), *Signature=([0-9a-f]{64})$/;

/** The refusal, or undefined for a request that its key's owner has signed and may make. */
function verify(url: URL, req: IncomingMessage, body: Uint8Array, now: number): Answer | undefined {
  const { authorization } = req.headers;
  if (authorization === undefined) {
    return failed(400, "MissingAuthenticationTokenException", "Missing Authentication Token");
  }
  const [, id, day, region, service, list = "", signature = ""] =
    AUTHORIZATION.exec(authorization) ?? [];
  const signed = list.split(";");
  const date = header(req, "x-amz-date");
  if (id === undefined || MUST_BE_SIGNED.some((name) => !signed.includes(name)))
    return failed(400, "IncompleteSignatureException", `'${authorization}' is not complete`);

  const names = Object.keys(ACCESS_KEYS) as (keyof typeof ACCESS_KEYS)[];
  const name = names.find((name) => ACCESS_KEYS[name].accessKeyId === id);
  const key: AccessKey | undefined = name && ACCESS_KEYS[name];
  if (!key || header(req, "x-amz-security-token") !== (key.sessionToken ?? ""))
    return failed(400, "UnrecognizedClientException", "The security token is invalid.");
  if (name === "expired") return failed(400, "ExpiredTokenException", "The token is expired.");

  const said = (message: string) => failed(400, "InvalidSignatureException", message);
  if (Math.abs(timeOf(date) - now) > MOST_SKEW || !date.startsWith(`${day}T`))
    return said(`Signature expired: ${date} is not within 15 min. of now`);
  if (region !== REGION || service !== "ecr") return said(`Credential should be of ${REGION}/ecr`);
  const canonical = canonicalRequest(url, req, signed, body);
  const scope = `${day}/${region}/${service}/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", date, scope, sha256(canonical)].join("\n");
  const expected = [day ?? "", region, service, "aws4_request", toSign].reduce<Buffer | string>(
    (secret, text) => createHmac("sha256", secret).update(text).digest(),
    `AWS4${key.secretAccessKey}`,
  );
  // What is repeated here, as AWS repeats it, holds the session token.
  if (!timingSafeEqual(Buffer.from(signature, "hex"), expected as Buffer))
    return said(`The signature does not match. The Canonical String should be '${canonical}'`);
  return name === "powerless"
    ? failed(400, "AccessDeniedException", `User: ${id} is not authorized to perform: ${TARGET}`)
    : undefined;
}

/** A path is encoded once more than it came, for all services but S3. */
function canonicalRequest(
  url: URL,
  req: IncomingMessage,
  signed: string[],
  body: Uint8Array,
): string {
  const path = url.pathname.split("/").map(encodeURIComponent).join("/");
  const query = [...url.searchParams].map((pair) => pair.map(encodeURIComponent).join("="));
  const headers = signed.map((name) => `${name}:${header(req, name).replace(/ +/g, " ")}\n`);
  const parts = [req.method, path, query.sort().join("&"), headers.join(""), signed.join(";")];
  return [...parts, sha256(body)].join("\n");
}

function header(req: IncomingMessage, name: string): string {
  return req.headers[name]?.toString().trim() ?? "";
}

function sha256(data: Uint8Array | string): string {
  return createHash("sha256").update(data).digest("hex");
}

/** Of `20261003T101112Z`; infinitely far away for anything else. */
function timeOf(date: string): number {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date);
  if (!parts) return Number.POSITIVE_INFINITY;
  const [, year, month, day, hour, minute, second] = parts;
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

function isObject(body: Uint8Array): boolean {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString());
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
