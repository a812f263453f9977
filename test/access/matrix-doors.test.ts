// The matrix of all that is beside the images: who asks × every other endpoint.

import { beforeAll, describe, expect, it } from "vitest";
import {
  APP,
  asking,
  HOST,
  OUTSIDE,
  prepare,
  SECRET_HOST,
  sentBy,
  WHO,
  type Who,
} from "./matrix.ts";

beforeAll(prepare, 120_000);

/** The status for an admin and for a viewer; 401 for all others. */
const by = (admin: number, viewer: number) => (who: Who) =>
  who.role === "admin" ? admin : who.role === "viewer" ? viewer : 401;
const isHolder = (who: Who) => who.authenticated && !who.isSigned;
const scope = (name: string) => `service=entrepot&scope=repository:${name}:pull`;

interface Endpoint {
  operation: string;
  method: string;
  /** Host and path. */
  url: string;
  /** That a requester is answered. */
  status(who: Who): number;
  body?: string;
}

const ENDPOINTS: Endpoint[] = [
  {
    operation: "the API's root",
    method: "GET",
    url: `${HOST}/v2/`,
    status: (who) => (who.authenticated ? 200 : 401),
  },
  {
    operation: "the API's root, HEAD",
    method: "HEAD",
    url: `${HOST}/v2/`,
    status: (who) => (who.authenticated ? 200 : 401),
  },
  {
    operation: "the secret host's root",
    method: "GET",
    url: `${SECRET_HOST}/v2/`,
    status: () => 200,
  },
  {
    operation: "a token for a name",
    method: "GET",
    url: `${HOST}/token?${scope(`a/${APP}`)}`,
    status: (who) => (isHolder(who) ? 200 : 401),
  },
  {
    operation: "a token for an anonymous rule's name",
    method: "GET",
    url: `${HOST}/token?${scope(`pub/${APP}`)}`,
    status: () => 200,
  },
  {
    operation: "a push",
    method: "PUT",
    url: `${HOST}/v2/pub/${APP}/manifests/1`,
    status: () => 405,
    body: "{}",
  },
  {
    operation: "an upload",
    method: "POST",
    url: `${HOST}/v2/a/${APP}/blobs/uploads/`,
    status: () => 405,
  },
  { operation: "about", method: "GET", url: `${HOST}/api/about`, status: by(200, 200) },
  {
    operation: "the document",
    method: "GET",
    url: `${HOST}/api/openapi.json`,
    status: by(200, 200),
  },
  { operation: "tokens", method: "GET", url: `${HOST}/api/tokens`, status: by(200, 200) },
  {
    operation: "a new token",
    method: "POST",
    url: `${HOST}/api/tokens`,
    status: by(400, 403),
    body: "{}",
  },
  {
    operation: "a token's end",
    method: "DELETE",
    url: `${HOST}/api/tokens/none`,
    status: by(404, 403),
  },
  { operation: "verdicts", method: "GET", url: `${HOST}/api/verdicts`, status: by(200, 200) },
  {
    operation: "a scanner's report",
    method: "PUT",
    url: `${HOST}/api/verdicts/sha256:${"f".repeat(64)}`,
    status: by(400, 403),
  },
  {
    operation: "a scanner's report's end",
    method: "DELETE",
    url: `${HOST}/api/verdicts/sha256:${"f".repeat(64)}?scanner=none`,
    status: by(404, 403),
  },
  { operation: "webhooks", method: "GET", url: `${HOST}/api/webhooks`, status: by(200, 200) },
  {
    operation: "a webhook's test",
    method: "POST",
    url: `${HOST}/api/webhooks/none/test`,
    status: by(404, 403),
  },
  {
    operation: "all dead letters' end",
    method: "DELETE",
    url: `${HOST}/api/webhooks/none/dead/all`,
    status: by(404, 403),
  },
  {
    operation: "a new rule",
    method: "POST",
    url: `${HOST}/api/rules`,
    status: by(400, 403),
    body: "{}",
  },
  {
    operation: "quarantine",
    method: "POST",
    url: `${HOST}/api/quarantine`,
    status: by(400, 403),
    body: "{}",
  },
  { operation: "allowances", method: "GET", url: `${HOST}/api/allowances`, status: by(200, 200) },
  {
    operation: "an allowance",
    method: "POST",
    url: `${HOST}/api/allowances`,
    status: by(400, 403),
    body: "{}",
  },
  {
    operation: "an allowance's confirmation",
    method: "POST",
    url: `${HOST}/api/allowances/none/confirm`,
    status: by(404, 403),
  },
  {
    operation: "an allowance's end",
    method: "DELETE",
    url: `${HOST}/api/allowances/none`,
    status: by(404, 403),
  },
  {
    operation: "a preview",
    method: "POST",
    url: `${HOST}/api/lifecycle/preview`,
    status: by(200, 200),
    body: '{"rules":[]}',
  },
  {
    operation: "a sweep that is no request",
    method: "POST",
    url: `${HOST}/api/lifecycle/runs?force=x`,
    status: by(400, 403),
  },
  { operation: "no such path", method: "GET", url: `${HOST}/api/none`, status: by(404, 404) },
  {
    operation: "numbers",
    method: "GET",
    url: `${HOST}/metrics`,
    status: (who) => (who.counts ? 200 : by(200, 200)(who)),
  },
  { operation: "set-up", method: "GET", url: `${HOST}/setup/containerd`, status: by(200, 200) },
  { operation: "the console", method: "GET", url: `${HOST}/`, status: by(200, 200) },
  { operation: "the console's tokens", method: "GET", url: `${HOST}/tokens`, status: by(200, 200) },
  {
    operation: "the console, as a form",
    method: "POST",
    url: `${HOST}/tokens/revoke`,
    status: by(404, 403),
    body: "id=none",
  },
];

describe.each(Object.keys(WHO))("%s", (title) => {
  it("gets its status at every other endpoint", async () => {
    const who = WHO[title] as Who;
    if (who.byFlow) return; // the flow is that of images
    const asker = asking();
    const sent = await sentBy(who, asker);
    const got = await Promise.all(
      ENDPOINTS.map(async ({ operation, method, url, status: expected, body }) => {
        const response = await asker.ask(`https://${url}`, {
          method,
          redirect: "manual",
          headers: { ...sent, Accept: "*/*", "CF-Connecting-IP": OUTSIDE },
          ...(body !== undefined && { body }),
        });
        await response.arrayBuffer();
        return [operation, response.status, expected(who)] as const;
      }),
    );
    const linesOf = (at: 1 | 2) => got.map((line) => `${line[0]}: ${line[at]}`);
    expect(linesOf(1)).toEqual(linesOf(2));
    await asker.settled();
  });
});
