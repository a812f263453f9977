// Client of a cache's admin API: address, token, and the messages of refusals.

import { readFileSync } from "node:fs";
import { isLoopback } from "../config/upstream.ts";
import { localSecrets } from "./secrets.ts";

const LOCAL_URL = "http://127.0.0.1:8787";

/** An error that the user can act on: printed as its message, without a stack. */
export class Complaint extends Error {
  /** Exit code of the process. */
  readonly code: number;
  constructor(message: string, code = 1) {
    super(message);
    this.code = code;
  }
}

export interface Api {
  url: URL;
  /** Sends a request and returns the answer's JSON. Throws a Complaint for any error status. */
  ask<T>(method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: string): Promise<T>;
}

/** @param url of the cache; default: the one of `npm start` */
export function openApi(url: string = LOCAL_URL): Api {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new Complaint(`${url} is not an http or https URL`, 2);
  const parsed = new URL(url);
  const { origin, hostname, protocol } = parsed;
  const isHere = isLoopback(hostname);
  // Not taken from an argument: other users of the machine can see those.
  const token =
    process.env.ENTREPOT_ADMIN_TOKEN || (isHere ? localSecrets().ADMIN_TOKEN : undefined);
  if (token !== undefined && protocol === "http:" && !isHere)
    throw new Complaint(
      `refusing to send the admin token to ${hostname} over http://; use https://`,
      2,
    );
  const headers: Record<string, string> =
    token === undefined ? {} : { Authorization: `Bearer ${token}` };
  return {
    url: parsed,
    async ask(method, path, body) {
      const init = { method, headers, ...(body !== undefined && { body }) };
      const response = await fetch(origin + path, init).catch((error: Error) => {
        const cause = (error.cause as Error | undefined)?.message ?? error.message;
        throw new Complaint(
          `cannot connect to ${origin} (${cause}): start a cache with npm start, or give its address with --url`,
        );
      });
      const text = await response.text();
      if (!response.ok) throw new Complaint(refusalIn(text, response.status, origin));
      return jsonIn(text, origin);
    },
  };
}

function jsonIn<T>(text: string, origin: string): T {
  try {
    return JSON.parse(text);
  } catch {
    throw new Complaint(`${origin} did not answer with JSON: is it an Entrepot cache?`);
  }
}

function refusalIn(text: string, status: number, origin: string): string {
  const messages = messagesIn(text);
  const hint =
    status === 401
      ? "; set ENTREPOT_ADMIN_TOKEN to the cache's secret ADMIN_TOKEN"
      : status === 404 &&
          (messages.length === 0 || messages.some((one) => one.includes("nothing here")))
        ? "; without the secret ADMIN_TOKEN, a cache has an API only under npm start on loopback"
        : "";
  return messages.length > 0 ? messages.join("\n") + hint : `${origin} answered ${status}${hint}`;
}

/** The messages of a problem (RFC 9457), or of a registry error. */
function messagesIn(text: string): string[] {
  try {
    const { errors, detail } = JSON.parse(text) as { errors?: unknown; detail?: unknown };
    const listed = Array.isArray(errors) ? errors : [{ message: detail }];
    return listed.flatMap((error) =>
      typeof error?.message === "string" ? [error.message as string] : [],
    );
  } catch {
    return []; // not JSON: not a cache's answer
  }
}

/** Contents of a file, or of standard input for `-`. */
export function textOf(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new Complaint(`cannot read ${file}: ${(error as Error).message}`);
  }
}
