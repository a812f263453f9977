// The client of the measurements: reads bodies to their end, throws them away, and says how long it took.

import { createHash } from "node:crypto";
import { Agent, get, type IncomingMessage } from "node:http";

/** As containerd asks, for blobs too; docker-registry answers 404 to a client that does not accept a manifest's type. */
const ACCEPT = [
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.oci.image.index.v1+json",
  "*/*",
].join(", ");

/** Times in seconds from the request on. */
export interface Timing {
  firstByte: number;
  whole: number;
  bytes: number;
  /** Hexadecimal, where it was asked for. */
  sha256?: string;
}

/** How it is asked, and what the answer must say of itself. */
export interface Asking {
  /** The Host header, where it is not the URL's. */
  host?: string;
  authorization?: string;
  /** How Cache-Status must begin: which layer it is that is measured. */
  status?: string;
}

/** One GET over a connection of its own. Rejects unless it is 200 and ends as it promised.
 * @param hashed hashes what comes; costs time, so it is for all sides of a comparison or for none */
export async function download(
  url: string,
  { hashed = false, ...asking }: Asking & { hashed?: boolean } = {},
): Promise<Timing> {
  const agent = new Agent();
  const began = performance.now();
  const since = () => (performance.now() - began) / 1000;
  try {
    const response = await open(url, agent, asking);
    const hash = hashed ? createHash("sha256") : undefined;
    let firstByte: number | undefined;
    let bytes = 0;
    await read(response, (piece) => {
      firstByte ??= since();
      bytes += piece.length;
      hash?.update(piece);
    });
    const timing = { firstByte: firstByte ?? since(), whole: since(), bytes };
    return hash ? { ...timing, sha256: hash.digest("hex") } : timing;
  } finally {
    agent.destroy();
  }
}

/** Downloads and compares with what the blob should be. */
export async function verify(
  url: string,
  blob: { digest: string; size: number },
  asking?: Asking,
): Promise<Timing> {
  const timing = await download(url, { ...asking, hashed: true });
  if (`sha256:${timing.sha256}` !== blob.digest) throw new Error(`${url}: other bytes came`);
  return timing;
}

/** Downloads without hashing: only the length is compared. */
export async function time(url: string, blob: { size: number }, asking?: Asking): Promise<Timing> {
  const timing = await download(url, asking);
  if (timing.bytes !== blob.size) throw new Error(`${url}: ${timing.bytes} of ${blob.size} bytes`);
  return timing;
}

/** Cache-Status of the answer that is the one byte at `offset`. */
export async function statusAt(url: string, offset: number): Promise<string> {
  const range = `bytes=${offset}-${offset}`;
  const response = await fetch(url, { headers: { Accept: ACCEPT, Range: range } });
  await response.arrayBuffer();
  if (response.status !== 206) throw new Error(`${url}: ${response.status} for ${range}`);
  return response.headers.get("Cache-Status") ?? "";
}

/** Requests a second over `connections` kept connections, for `seconds`. */
export async function requestsPerSecond(
  url: string,
  connections: number,
  seconds: number,
  asking?: Asking,
): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const began = performance.now();
  const end = began + seconds * 1000;
  let count = 0;
  const ask = async () => {
    while (performance.now() < end) {
      await read(await open(url, agent, asking), () => {});
      count += 1;
    }
  };
  try {
    await Promise.all(Array.from({ length: connections }, ask));
  } finally {
    agent.destroy();
  }
  return count / ((performance.now() - began) / 1000);
}

function open(
  url: string,
  agent: Agent,
  { host, status = "", authorization }: Asking = {},
): Promise<IncomingMessage> {
  const headers = {
    Accept: ACCEPT,
    ...(host && { Host: host }),
    ...(authorization && { Authorization: authorization }),
  };
  return new Promise((resolve, reject) => {
    const request = get(url, { agent, headers }, (response) => {
      const told = String(response.headers["cache-status"] ?? "");
      if (response.statusCode === 200 && told.startsWith(status)) return resolve(response);
      response.destroy();
      reject(new Error(`${url}: ${response.statusCode}, Cache-Status: ${told || "none"}`));
    });
    request.on("error", reject);
  });
}

function read(response: IncomingMessage, take: (piece: Buffer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    response.on("data", take);
    response.on("end", resolve);
    response.on("error", reject);
    response.on("close", () => reject(new Error("the connection ended within the body")));
  });
}
