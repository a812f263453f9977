// The inventory of R2: pages, and the stretches that they are of.

import { env } from "cloudflare:workers";
import { beforeEach, expect, it } from "vitest";
import type { Env } from "../../src/env.ts";
import { InventoryStore } from "../../src/store/inventory.ts";
import { digestFor } from "../support/catalog.ts";
import { clean } from "../support/lifecycle.ts";

const { BLOBS } = env as unknown as Env;

/** R2 with pages of so many: "a page may be shorter than it could be". */
function paged(limit: number): R2Bucket {
  return new Proxy(BLOBS, {
    get: (bucket, method: keyof R2Bucket) =>
      method === "list"
        ? (options: R2ListOptions) => bucket.list({ ...options, limit })
        : bucket[method],
  });
}

const [A, B] = ["a", "b"].map(digestFor).sort() as [string, string];
const key = (digest: string) => digest.replace(":", "/");

beforeEach(clean);

it("a blob whose segments go over a page's end is one blob, and both pages are of it", async () => {
  const layout = { customMetadata: { size: "30000000", attempt: "a1" } };
  for (const digest of [A, B]) await BLOBS.put(`blobs/${key(digest)}`, "head", layout);
  for (const number of [1, 2, 3]) await BLOBS.put(`blobs/${key(A)}/a1/00000${number}`, "12345");
  await BLOBS.put(`blobs/${key(B)}/old/000000`, "123");
  const inventory = new InventoryStore(paged(3));
  const first = await inventory.blobs("");
  expect(first).toMatchObject({
    items: [{ digest: A, size: 30_000_000, attempt: "a1" }],
    segments: [{ digest: A, attempt: "a1", bytes: 10 }],
    from: "",
    upTo: A,
  });
  const second = await inventory.blobs(first.next as string);
  expect(second).toMatchObject({
    items: [{ digest: B }],
    segments: [
      { digest: A, attempt: "a1", bytes: 5 },
      { digest: B, attempt: "old", bytes: 3 },
    ],
    from: A,
    upTo: undefined,
    next: undefined,
  });
});

it("manifests and tags come in the order of their names, page by page", async () => {
  for (const digest of [A, B]) await BLOBS.put(`manifests/${key(digest)}`, "{}");
  const tag = { customMetadata: { digest: A, former: "", recordedAt: "5", gone: "false" } };
  for (const name of ["h:5000//a:1", "h:5000//a-b:1"]) await BLOBS.put(`tags/${name}`, "", tag);
  const inventory = new InventoryStore(paged(1));
  const first = await inventory.manifests("");
  expect(first).toMatchObject({ items: [A], from: "", upTo: A });
  const second = await inventory.manifests(first.next as string);
  expect(second).toEqual({ items: [B], next: undefined, from: A, upTo: undefined });
  const tags = await inventory.tags("");
  expect(tags).toMatchObject({
    items: [{ place: "h:5000//a-b", tag: "1", digest: A, recordedAt: 5, gone: false }],
    upTo: "h:5000//a-b:1",
  });
  expect(await inventory.tags(tags.next as string)).toMatchObject({
    items: [{ place: "h:5000//a", tag: "1" }],
    from: "h:5000//a-b:1",
    upTo: undefined,
  });
});
