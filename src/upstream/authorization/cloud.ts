// askCloud: requests a login from a cloud, by one POST to the address that the credentials name, without redirects,
// with a bounded answer.

import type { Rule } from "../../config/rule.ts";
import { parseForeign } from "../../oci/json.ts";
import { readText } from "../client/body.ts";
import { fetchFollowing } from "../client/redirect.ts";
import { readErrorBody } from "../client/refusal.ts";

export interface CloudRequest {
  url: string;
  headers: Record<string, string>;
  authorization?: string | undefined;
  body: string;
}

export interface CloudAnswer {
  /** Host of the service, for messages. */
  host: string;
  status: number;
  ok: boolean;
  headers: Headers;
  /** Undefined where the answer is not JSON. */
  body: unknown;
}

const ANSWER_LIMIT = 64 * 1024;

/** Throws UNAVAILABLE where no complete answer comes within the rule's timeouts. */
export async function askCloud(rule: Rule, request: CloudRequest): Promise<CloudAnswer> {
  const { host } = new URL(request.url);
  const time = rule.firstByteTimeout;
  const response = await fetchFollowing(
    { ...request, method: "POST", stay: true },
    host,
    time,
    new AbortController(),
  );
  const { status, ok, headers } = response;
  const text = ok
    ? await readText(response, { bytes: ANSWER_LIMIT, silence: rule.silenceTimeout, time, host })
    : await readErrorBody(response);
  return { host, status, ok, headers, body: parseForeign(text) };
}
