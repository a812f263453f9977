// R2 listings, page by page.

import { withRetries } from "../platform/transient.ts";

/** Maximum number of keys that R2 lists or deletes in one call. */
export const PAGE = 1000;

/** One page of the objects under `prefix`, in key order, with their metadata.
 * @param from a page's cursor, or the key to start after; if empty, the first page */
export async function listPage(
  bucket: R2Bucket,
  prefix: string,
  from: Pick<R2ListOptions, "cursor" | "startAfter">,
): Promise<R2Objects> {
  const options: R2ListOptions = { prefix, limit: PAGE, include: ["customMetadata"], ...from };
  return withRetries(() => bucket.list(options));
}

/** All objects under `prefix`, read page by page. */
export async function* listObjects(bucket: R2Bucket, prefix: string): AsyncGenerator<R2Object> {
  let cursor: string | undefined;
  do {
    const page = await listPage(bucket, prefix, cursor ? { cursor } : {});
    yield* page.objects;
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor);
}
