// The store's bindings (wrangler.toml).

export interface StoreBindings {
  /** Blobs, manifests and the records of tags. */
  BLOBS: R2Bucket;
  /** Near copies: what tags mean, manifests, and lists. */
  META: KVNamespace;
}
