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

/** Of those who administer: an admin gets this, a viewer that, and nobody else anything. */
const by = (admin: number, viewer: number) => (who: Who) =>
  who.role === "admin" ? admin : who.role === "viewer" ? viewer : 401;
const isHolder = (who: Who) => who.somebody && !who.isSigned;
const scope = (name: string) => `service=entrepot&scope=repository:${name}:pull`;

interface Door {
  door: string;
  method: string;
  /** Host and path. */
  url: string;
  /** That a requester is answered. */
  status(who: Who): number;
  body?: string;
}

const DOORS: Door[] = [
  {
    door: "the API's root",
    method: "GET",
    url: `${HOST}/v2/`,
    status: (who) => (who.somebody ? 200 : 401),
  },
  {
    door: "the API's root, HEAD",
    method: "HEAD",
    url: `${HOST}/v2/`,
    status: (who) => (who.somebody ? 200 : 401),
  },
  { door: "the secret host's root", method: "GET", url: `${SECRET_HOST}/v2/`, status: () => 200 },
  {
    door: "a token for a name",
    method: "GET",
    url: `${HOST}/token?${scope(`a/${APP}`)}`,
    status: (who) => (isHolder(who) ? 200 : 401),
  },
  {
    door: "a token for anybody's name",
    method: "GET",
    url: `${HOST}/token?${scope(`pub/${APP}`)}`,
    status: () => 200,
  },
  {
    door: "a push",
    method: "PUT",
    url: `${HOST}/v2/pub/${APP}/manifests/1`,
    status: () => 405,
    body: "{}",
  },
  {
    door: "an upload",
    method: "POST",
    url: `${HOST}/v2/a/${APP}/blobs/uploads/`,
    status: () => 405,
  },
  { door: "about", method: "GET", url: `${HOST}/api/about`, status: by(200, 200) },
  { door: "the document", method: "GET", url: `${HOST}/api/openapi.json`, status: by(200, 200) },
  { door: "tokens", method: "GET", url: `${HOST}/api/tokens`, status: by(200, 200) },
  {
    door: "a new token",
    method: "POST",
    url: `${HOST}/api/tokens`,
    status: by(400, 403),
    body: "{}",
  },
  { door: "a token's end", method: "DELETE", url: `${HOST}/api/tokens/none`, status: by(404, 403) },
  {
    door: "a new rule",
    method: "POST",
    url: `${HOST}/api/rules`,
    status: by(400, 403),
    body: "{}",
  },
  {
    door: "quarantine",
    method: "POST",
    url: `${HOST}/api/quarantine`,
    status: by(400, 403),
    body: "{}",
  },
  {
    door: "a preview",
    method: "POST",
    url: `${HOST}/api/lifecycle/preview`,
    status: by(200, 200),
    body: '{"rules":[]}',
  },
  {
    door: "a sweep that is no request",
    method: "POST",
    url: `${HOST}/api/lifecycle/runs?force=x`,
    status: by(400, 403),
  },
  { door: "no such path", method: "GET", url: `${HOST}/api/none`, status: by(404, 404) },
  {
    door: "numbers",
    method: "GET",
    url: `${HOST}/metrics`,
    status: (who) => (who.counts ? 200 : by(200, 200)(who)),
  },
  { door: "set-up", method: "GET", url: `${HOST}/setup/containerd`, status: by(200, 200) },
  { door: "the console", method: "GET", url: `${HOST}/`, status: by(200, 200) },
  { door: "the console's tokens", method: "GET", url: `${HOST}/tokens`, status: by(200, 200) },
  {
    door: "the console, as a form",
    method: "POST",
    url: `${HOST}/tokens/revoke`,
    status: by(404, 403),
    body: "id=none",
  },
];

describe.each(Object.keys(WHO))("%s", (title) => {
  it("gets what is his at every other door", async () => {
    const who = WHO[title] as Who;
    if (who.byFlow) return; // the flow is that of images
    const asker = asking();
    const sent = await sentBy(who, asker);
    const got = await Promise.all(
      DOORS.map(async ({ door, method, url, status: wanted, body }) => {
        const response = await asker.ask(`https://${url}`, {
          method,
          redirect: "manual",
          headers: { ...sent, Accept: "*/*", "CF-Connecting-IP": OUTSIDE },
          ...(body !== undefined && { body }),
        });
        await response.arrayBuffer();
        return [door, response.status, wanted(who)] as const;
      }),
    );
    const told = (at: 1 | 2) => got.map((line) => `${line[0]}: ${line[at]}`);
    expect(told(1)).toEqual(told(2));
    await asker.settled();
  });
});
