// R2's listings, page by page.

import { withRetries } from "../platform/transient.ts";

/** R2 deletes and lists at most this many keys a call. */
export const PAGE = 1000;

/** One page of what begins with `prefix`, in the order of the keys, with their metadata.
 * @param from where it begins: at a page's cursor, or behind a key; without either, at the first */
export async function listPage(
  bucket: R2Bucket,
  prefix: string,
  from: Pick<R2ListOptions, "cursor" | "startAfter">,
): Promise<R2Objects> {
  const options: R2ListOptions = { prefix, limit: PAGE, include: ["customMetadata"], ...from };
  return withRetries(() => bucket.list(options));
}

/** All of them, page by page. */
export async function* listObjects(bucket: R2Bucket, prefix: string): AsyncGenerator<R2Object> {
  let cursor: string | undefined;
  do {
    const page = await listPage(bucket, prefix, cursor ? { cursor } : {});
    yield* page.objects;
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor);
}
