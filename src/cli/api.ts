// A cache's API, as the command line asks it: where it is, with what token, and what its refusals say.

import { readFileSync } from "node:fs";
import { isLoopback } from "../config/upstream.ts";
import { localSecrets } from "./secrets.ts";

const LOCAL_URL = "http://127.0.0.1:8787";

/** What goes wrong for want of something that the caller can do: told as it is, without a stack. */
export class Complaint extends Error {
  /** Of the process. */
  readonly code: number;
  constructor(message: string, code = 1) {
    super(message);
    this.code = code;
  }
}

export interface Api {
  /** Of the cache. */
  url: URL;
  /** The answer's JSON. Throws a Complaint for a refusal. */
  ask<T>(method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: string): Promise<T>;
}

/** @param url of the cache; without, the one of `npm start` */
export function openApi(url: string = LOCAL_URL): Api {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new Complaint(`${url} is not the URL of a cache`, 2);
  const parsed = new URL(url);
  const { origin, hostname, protocol } = parsed;
  const isHere = isLoopback(hostname);
  // Never in an argument, where other users of the machine would see it.
  const token =
    process.env.ENTREPOT_ADMIN_TOKEN || (isHere ? localSecrets().ADMIN_TOKEN : undefined);
  if (token !== undefined && protocol === "http:" && !isHere)
    throw new Complaint(`the admin token is not sent over http:// to ${hostname}: use https://`, 2);
  const headers: Record<string, string> =
    token === undefined ? {} : { Authorization: `Bearer ${token}` };
  return {
    url: parsed,
    async ask(method, path, body) {
      const init = { method, headers, ...(body !== undefined && { body }) };
      const response = await fetch(origin + path, init).catch((error: Error) => {
        const cause = (error.cause as Error | undefined)?.message ?? error.message;
        throw new Complaint(
          `nothing answers at ${origin} (${cause}): start a cache with npm start, or name one with --url`,
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
    throw new Complaint(`${origin} answered what is no JSON: is it a cache?`);
  }
}

function refusalIn(text: string, status: number, origin: string): string {
  const said = messagesIn(text);
  const hint =
    status === 401
      ? "; set ENTREPOT_ADMIN_TOKEN to the secret ADMIN_TOKEN of that cache"
      : status === 404 && (said.length === 0 || said.some((one) => one.includes("nothing here")))
        ? "; a cache without the secret ADMIN_TOKEN has no API, but for npm start on loopback"
        : "";
  return said.length > 0 ? said.join("\n") + hint : `${origin} answered ${status}${hint}`;
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

/** A file, or with `-` what comes in. */
export function textOf(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new Complaint(`${file} cannot be read: ${(error as Error).message}`);
  }
}
