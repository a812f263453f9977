// R2's listings, page by page.

import { withRetries } from "./transient.ts";

/** R2 deletes and lists at most this many keys a call. */
export const PAGE = 1000;

/** In the order of their keys, with their metadata. */
export async function* listObjects(bucket: R2Bucket, prefix: string): AsyncGenerator<R2Object> {
  let cursor: string | undefined;
  do {
    const page = await withRetries(() =>
      bucket.list({ prefix, limit: PAGE, include: ["customMetadata"], ...(cursor && { cursor }) }),
    );
    yield* page.objects;
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor);
}
