// Docker Hub's pull limit: manifest GETs count, HEAD is free, and both say what is left.

import type { RateLimit, RequestRecord } from "../wire.ts";
import { type Answer, refusal } from "./answer.ts";

export class Limits {
  private readonly limits = new Map<string, Required<Omit<RateLimit, "repository">>>();

  set({
    server,
    repository,
    limit,
    remaining,
    window = 21600,
    retryAfter = window,
  }: RateLimit): void {
    this.limits.set(`${server}/${repository ?? ""}`, {
      server,
      limit,
      remaining,
      window,
      retryAfter,
    });
  }

  /** Counts a manifest request; the answer as it is, with the headers, or 429. */
  apply(record: RequestRecord, answer: Answer): Answer {
    const limit =
      this.limits.get(`${record.server}/${record.repository}`) ??
      this.limits.get(`${record.server}/`);
    if (!limit || record.kind !== "manifest") return answer;
    const over = record.method === "GET" && limit.remaining <= 0;
    if (record.method === "GET" && !over) limit.remaining--;
    const headers = {
      "ratelimit-limit": `${limit.limit};w=${limit.window}`,
      "ratelimit-remaining": `${limit.remaining};w=${limit.window}`,
      "docker-ratelimit-source": "127.0.0.1",
    };
    if (over)
      return refusal(429, "TOOMANYREQUESTS", {
        ...headers,
        "retry-after": String(limit.retryAfter),
      });
    return { ...answer, headers: { ...answer.headers, ...headers } };
  }

  clear(repository?: string): void {
    for (const key of this.limits.keys()) {
      if (repository === undefined || key.slice(key.indexOf("/") + 1) === repository)
        this.limits.delete(key);
    }
  }
}
