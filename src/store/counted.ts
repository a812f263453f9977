// Counted R2 and KV: counts every operation as Cloudflare bills it (R2 class A: writes and lists; class B: reads; deletes are free).

import { meter } from "../meter/meter.ts";
import { observed } from "../platform/observed.ts";

const KV: Record<string, string> = {
  get: "kv_read",
  getWithMetadata: "kv_read",
  put: "kv_write",
  delete: "kv_delete",
  list: "kv_list",
};
const R2: Record<string, string> = {
  get: "r2_class_b",
  head: "r2_class_b",
  put: "r2_class_a",
  list: "r2_class_a",
  delete: "r2_delete",
};

export function countedKv(kv: KVNamespace): KVNamespace {
  return counted(kv, KV);
}

export function countedBucket(bucket: R2Bucket): R2Bucket {
  return counted(bucket, R2);
}

function counted<T extends object>(binding: T, operations: Record<string, string>): T {
  return observed(binding, (method) => {
    const operation = operations[method];
    if (operation !== undefined) meter.count("entrepot_platform_operations", { operation });
  });
}
