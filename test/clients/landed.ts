// What a client has written to disk: every manifest and blob hashed, from the digest that was expected.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expectEqual } from "./expect.ts";
import { digestOf, digestOfFile } from "./layers.ts";
import type { Manifest } from "./upstream.ts";

/** skopeo's `dir:`: `manifest.json`, `<hex>.manifest.json` for an index's children, and blobs by their hex. */
export async function verifyDir(dir: string, digest: string): Promise<void> {
  const fileOf = (found: string, isManifest: boolean) => {
    if (found === digest) return join(dir, "manifest.json");
    return join(dir, isManifest ? `${hexOf(found)}.manifest.json` : hexOf(found));
  };
  await verify(digest, fileOf);
}

/** An OCI layout with one image in it.
 * @param as an image, which the layout's index names, or a referrer of it, which it need not */
export async function verifyLayout(
  layout: string,
  digest: string,
  as: "image" | "referrer" = "image",
): Promise<void> {
  const index = JSON.parse(await readFile(join(layout, "index.json"), "utf8")) as Manifest["json"];
  const found = index.manifests?.map((it) => it.digest) ?? [];
  // oras lists the children of an index here too.
  if (as === "image" && !found.includes(digest))
    expectEqual("the layout's digests", found.join(), digest);
  await verify(digest, (found) => join(layout, "blobs/sha256", hexOf(found)));
}

async function verify(
  digest: string,
  fileOf: (digest: string, isManifest: boolean) => string,
): Promise<void> {
  const bytes = await readFile(fileOf(digest, true));
  expectEqual("digest of the manifest on disk", digestOf(bytes), digest);
  const { config, layers = [], manifests = [] } = JSON.parse(bytes.toString()) as Manifest["json"];
  for (const child of manifests) await verify(child.digest, fileOf);
  for (const blob of [...(config ? [config] : []), ...layers]) {
    const found = await digestOfFile(fileOf(blob.digest, false));
    expectEqual("digest of a blob on disk", found, blob.digest);
  }
}

function hexOf(digest: string): string {
  return digest.slice(digest.indexOf(":") + 1);
}
