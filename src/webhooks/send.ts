// One request to a receiver: an event, signed as Standard Webhooks say. Nothing of the receiver's answer but its status is used.

import type { Webhook } from "../config/webhooks.ts";
import { reasonOf } from "../text/plain.ts";
import type { Attempt } from "./contract.ts";
import type { Message } from "./event.ts";

/** Maximum time to the receiver's answer, in ms. */
const TIMEOUT = 15_000;

export interface Sent extends Attempt {
  /** Delay that the receiver asks for, in ms. */
  retryAfter?: number;
}

/** Never throws: what goes wrong is in the result. @param timeout in ms */
export async function send(
  { name, url }: Pick<Webhook, "name" | "url">,
  key: Uint8Array,
  { event, body }: Pick<Message, "event" | "body">,
  timeout = TIMEOUT,
): Promise<Sent> {
  const at = Date.now();
  const taken = () => ({ at, took: Date.now() - at });
  const signal = AbortSignal.timeout(timeout);
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "Content-Type": "application/cloudevents+json",
        "User-Agent": "entrepot",
        ...(await signatureOf(key, event, Math.floor(at / 1000), body)),
      },
      body,
      // A redirect could lead anywhere, including to hosts that the configuration may not name (SSRF).
      redirect: "manual",
      signal,
    });
    await response.body?.cancel();
    const { status } = response;
    return { ...taken(), status, ...failureOf(response) };
  } catch (error) {
    if (signal.aborted) return { ...taken(), error: `did not answer within ${timeout / 1000} s` };
    console.warn(`entrepot: the receiver of the webhook ${name} failed: ${reasonOf(error)}`);
    return { ...taken(), error: "could not be reached" };
  }
}

function failureOf(response: Response): Pick<Sent, "error" | "retryAfter"> {
  const { status, headers } = response;
  if (status >= 200 && status < 300) return {};
  if (status === 410) return { error: "answered 410 Gone" };
  if (status >= 300 && status < 400)
    return { error: `answered ${status}, a redirect, which is not followed` };
  const seconds = /^\d{1,6}$/.exec(headers.get("retry-after") ?? "")?.[0];
  return {
    error: `answered ${status}`,
    ...(seconds !== undefined && { retryAfter: Number(seconds) * 1000 }),
  };
}

/** Headers of Standard Webhooks (version 1.0.0, "Signature scheme"). @param seconds since the epoch */
async function signatureOf(key: Uint8Array, id: string, seconds: number, body: string) {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const own = await crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
  const text = new TextEncoder().encode(`${id}.${seconds}.${body}`);
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", own, text));
  return {
    "webhook-id": id,
    "webhook-timestamp": String(seconds),
    "webhook-signature": `v1,${btoa(String.fromCharCode(...mac))}`,
  };
}
