// An upstream with one fault: it hangs, or answers everything with the same status; and it counts.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface Faulty {
  address: string;
  /** How often it was asked. */
  count(): number;
}

/** Each as Entrepot's upstream, and what Entrepot answers a request with `?ns=` then. */
export const FAULTS = {
  slow: { what: "slow: its upstream hangs", answer: undefined, told: 504 },
  missing: { what: "without the image: its upstream answers 404", answer: 404, told: 404 },
  limited: { what: "rate limited: its upstream answers 429", answer: 429, told: 503 },
  failing: { what: "failing: its upstream answers 503", answer: 503, told: 503 },
} as const;

export type Fault = keyof typeof FAULTS;

export async function startFaulty(fault: Fault): Promise<Faulty> {
  const { answer } = FAULTS[fault];
  let count = 0;
  const server = createServer((_, response) => {
    count++;
    if (answer === undefined) return; // it accepts, and never answers
    // podman and skopeo wait for as long as a 429 tells them, four times, before they go on to the next mirror.
    response.writeHead(answer, answer === 429 ? { "Retry-After": "1" } : {}).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref(); // it ends with the run
  const { port } = server.address() as AddressInfo;
  return { address: `127.0.0.1:${port}`, count: () => count };
}
