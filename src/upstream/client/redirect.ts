// fetchFollowing: requests to an upstream, with redirects checked one by one, and with a timeout.

import { RegistryError } from "../../oci/error.ts";
import { reasonOf } from "../../text/plain.ts";
import { excessOf, withoutSecrets } from "./headers.ts";
import { fetchOnKept } from "./kept.ts";
import { NameFailure } from "./name-failure.ts";
import { wrongWith } from "./reach.ts";
import { secretsIn } from "./sent.ts";

const REDIRECTS = [301, 302, 303, 307, 308];
const MAX_REDIRECTS = 5;

export interface FollowOptions {
  url: string;
  method: "GET" | "HEAD" | "POST";
  headers: Record<string, string>;
  /** Sent to the URL's own origin only, never to the target of a redirect to another. */
  authorization?: string | undefined;
  body?: string;
  /** Refuses every redirect: for requests that are signed for one address, or useless at another. */
  stay?: true;
  /** Leaves the body compressed. */
  asSent?: true;
  /** Called when a redirect leads to another origin, whose failures are not the upstream's. */
  elsewhere?: () => void;
}

/** Returns the final answer; its headers are bounded and free of the request's secrets (upstream/client/headers.ts).
 * `firstByteTimeout`, in ms, covers all redirects together. A caller that does not read the body aborts
 * `controller`. Throws UNAVAILABLE (502; 504 on a timeout). */
export async function fetchFollowing(
  wanted: FollowOptions,
  host: string,
  firstByteTimeout: number,
  controller: AbortController,
): Promise<Response> {
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    controller.abort();
  }, firstByteTimeout);
  try {
    return await follow(wanted, host, controller.signal);
  } catch (error) {
    if (error instanceof RegistryError) throw error;
    if (late) {
      const message = `${host} did not answer within ${firstByteTimeout} ms`;
      throw new RegistryError("UNAVAILABLE", message, { status: 504 });
    }
    console.warn(`entrepot: ${wanted.method} at ${host} failed: ${reasonOf(error)}`);
    throw new RegistryError("UNAVAILABLE", `${host} could not be reached`);
  } finally {
    clearTimeout(timer);
  }
}

async function follow(wanted: FollowOptions, host: string, signal: AbortSignal): Promise<Response> {
  const from = new URL(wanted.url);
  let url = from;
  let authorization = wanted.authorization;
  for (let hops = 0; ; hops++) {
    const response = await fetchOnKept(url, {
      method: wanted.method,
      // Digests and lengths are those of the uncompressed bytes; workerd would ask for gzip and br by default.
      headers: {
        "Accept-Encoding": "identity",
        "User-Agent": "entrepot",
        ...wanted.headers,
        ...(authorization && { Authorization: authorization }),
      },
      body: wanted.body ?? null,
      redirect: "manual",
      encodeResponseBody: wanted.asSent ? "manual" : "automatic",
      signal,
    });
    const excess = excessOf(response.headers);
    if (excess !== undefined) {
      await response.body?.cancel();
      throw nameFailure(host, excess);
    }
    const location = response.headers.get("location");
    if (!REDIRECTS.includes(response.status) || location === null)
      return withoutSecrets(response, secretsIn(wanted));
    await response.body?.cancel();
    if (wanted.stay)
      throw nameFailure(host, "redirected a request with credentials, which is not followed");
    if (hops === MAX_REDIRECTS)
      throw nameFailure(host, `redirected more than ${MAX_REDIRECTS} times`);
    const next = URL.canParse(location, url) ? new URL(location, url) : undefined;
    if (!next) throw nameFailure(host, "redirected to an invalid URL");
    const wrong = wrongWith(next, url) ?? wrongWith(next, from);
    if (wrong !== undefined) throw nameFailure(host, `redirected to ${wrong}`);
    if (next.origin !== url.origin) {
      if (wanted.body !== undefined)
        throw nameFailure(host, "redirected a form with credentials to another origin");
      authorization = undefined;
      wanted.elsewhere?.();
    }
    url = next;
  }
}

function nameFailure(host: string, what: string): RegistryError {
  return new NameFailure(`${host} ${what}`);
}
