// Asking a cloud for a login: one POST to where its credentials say, never redirected, its answer bounded.

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
  /** The service's own, for messages. */
  host: string;
  status: number;
  ok: boolean;
  headers: Headers;
  /** Undefined for what is no JSON. */
  body: unknown;
}

const ANSWER_LIMIT = 64 * 1024;

/** Throws UNAVAILABLE where no whole answer comes in the time that the rule gives its upstream. */
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
