// What a registry says over plain HTTP: the upstream's own answers are what Entrepot's are compared with.

import { createHash } from "node:crypto";
import { digestOf } from "./layers.ts";

/** All that a client of today takes. */
export const ACCEPT = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

export interface Manifest {
  /** Of the bytes that came. */
  digest: string;
  mediaType: string;
  json: {
    config?: { digest: string };
    layers?: { digest: string }[];
    manifests?: { digest: string; platform?: { architecture: string } }[];
  };
}

/** @param place address and repository
 * @param headers in addition to Accept */
export async function manifestAt(
  place: string,
  reference: string,
  headers: Record<string, string> = {},
): Promise<Manifest> {
  const response = await ask(urlOf(place, "manifests", reference), {
    headers: { Accept: ACCEPT, ...headers },
  });
  const bytes = new Uint8Array(await response.arrayBuffer());
  const mediaType = response.headers.get("content-type") ?? "";
  const json = JSON.parse(new TextDecoder().decode(bytes)) as Manifest["json"];
  return { digest: digestOf(bytes), mediaType, json };
}

export interface Received {
  response: Response;
  digest: string;
  size: number;
}

/** A blob, hashed as it comes. */
export async function blobAt(
  place: string,
  digest: string,
  init: RequestInit = {},
): Promise<Received> {
  const response = await ask(urlOf(place, "blobs", digest), init);
  const hash = createHash("sha256");
  let size = 0;
  try {
    for await (const chunk of response.body ?? []) {
      hash.update(chunk);
      size += chunk.byteLength;
    }
  } catch (error) {
    throw new Error(`the transfer was broken off after ${size} bytes`, { cause: error });
  }
  return { response, digest: `sha256:${hash.digest("hex")}`, size };
}

export function urlOf(place: string, endpoint: string, reference: string): string {
  const slash = place.indexOf("/");
  return `http://${place.slice(0, slash)}/v2${place.slice(slash)}/${endpoint}/${reference}`;
}

async function ask(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init);
  if (response.ok) return response;
  const said = await response.text();
  throw new Error(`GET ${url} was answered with ${response.status}: ${said.slice(0, 500)}`);
}
