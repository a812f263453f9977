// askApi: one GET to a registry's own API besides the distribution specification: public host, no redirects, bounded answer.

import type { Rule } from "../../config/rule.ts";
import type { Digest } from "../../oci/digest.ts";
import { RegistryError } from "../../oci/error.ts";
import { parseForeign } from "../../oci/json.ts";
import { readText } from "../client/body.ts";
import { fetchFollowing } from "../client/redirect.ts";
import { readRetryAfter } from "../health/limit.ts";

/** What is asked for: when the registry says that the tag was pushed with this digest. */
export interface Pushed {
  readonly repository: string;
  readonly tag: string;
  readonly digest: Digest;
}

/** Time in ms since the epoch; undefined where the registry does not say. */
export type PushTime = number | undefined;

/** Maximum size of an answer, in bytes. */
const ANSWER_LIMIT = 2 * 1024 * 1024;
/** How long a client is told to wait, where the API does not say, in ms. */
const RETRY_AFTER = 30_000;

/** Undefined where the API does not know the name, or does not say it without more rights. Throws UNAVAILABLE (503), to be repeated, for
 * any other failure. */
export async function askApi(rule: Rule, url: string, authorization?: string): Promise<unknown> {
  const { host } = new URL(url);
  const time = rule.firstByteTimeout;
  const headers = { Accept: "application/json" };
  const controller = new AbortController();
  try {
    const response = await fetchFollowing(
      { url, method: "GET", headers, authorization, stay: true },
      host,
      time,
      controller,
    );
    const { status } = response;
    if (status === 200) {
      const bounds = { bytes: ANSWER_LIMIT, silence: rule.silenceTimeout, time, host };
      const body = parseForeign(await readText(response, bounds));
      if (body !== undefined) return body;
      throw failure(host, "an answer that cannot be read");
    }
    controller.abort();
    if ([401, 403, 404, 410].includes(status)) return undefined;
    throw failure(host, status, readRetryAfter(response.headers.get("retry-after"), Date.now()));
  } catch (error) {
    if (error instanceof RegistryError && error.status === 503) throw error;
    throw failure(host, "no answer");
  }
}

function failure(host: string, what: string | number, wait = RETRY_AFTER): RegistryError {
  const message = `when the tag was pushed is not known: ${host} gave ${what}`;
  const seconds = Math.max(1, Math.ceil(wait / 1000));
  return new RegistryError("UNAVAILABLE", message, {
    status: 503,
    headers: { "Retry-After": String(seconds) },
  });
}

/** Throws UNAVAILABLE (503): the API and the registry disagree, since the tag has just moved or one of them lags. */
export function disagrees(host: string, { tag, digest }: Pushed): RegistryError {
  const message = `when the tag was pushed is not known: ${host} says that "${tag}" is another digest than ${digest}`;
  return new RegistryError("UNAVAILABLE", message, {
    status: 503,
    headers: { "Retry-After": String(RETRY_AFTER / 1000) },
  });
}
