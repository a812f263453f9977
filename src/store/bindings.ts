// Store bindings (wrangler.toml).

export interface StoreBindings {
  /** Blobs, manifests, and records of tags and links. */
  BLOBS: R2Bucket;
  /** Copies for reading at low latency: tag mappings, manifests, lists, links, and layouts of blobs. */
  META: KVNamespace;
}
