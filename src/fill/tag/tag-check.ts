// Tag check: asks the upstream for the tag's digest by HEAD, which costs no pull, or by GET where HEAD is deficient. A
// new digest is reported only once its manifest is cached; until then the old one can be served.

import { algorithmOf, type Digest, isDigest } from "../../oci/digest.ts";
import { RegistryError } from "../../oci/error.ts";
import { digestOf } from "../../oci/hash.ts";
import { isSchema1, manifestType } from "../../oci/manifest.ts";
import { call, objectOf } from "../../platform/rpc.ts";
import type { TagMapping } from "../../policy/fresh.ts";
import { type Source, sourceKey } from "../../policy/source.ts";
import { LinkStore } from "../../store/links.ts";
import { ManifestStore } from "../../store/manifests.ts";
import type { Purpose, UpstreamClient } from "../../upstream/client/client.ts";
import type { Asking, FillBindings, ManifestFillMethods } from "../contract.ts";
import { manifestSize, readManifest, typeOfManifest } from "../manifest/read-manifest.ts";
import { factOf, type Outbox } from "../shared/outbox.ts";
import { removalsOver } from "../shared/removing.ts";

export class TagCheck {
  readonly #upstream: UpstreamClient;
  readonly #manifests: ManifestStore;
  readonly #links: LinkStore;
  readonly #outbox: Outbox;
  readonly #env: FillBindings;

  constructor(upstream: UpstreamClient, outbox: Outbox, env: FillBindings) {
    this.#upstream = upstream;
    this.#manifests = new ManifestStore(env.META, env.BLOBS);
    this.#links = new LinkStore(env.META, env.BLOBS);
    this.#outbox = outbox;
    this.#env = env;
  }

  async ask(
    source: Source,
    tag: string,
    known: TagMapping | undefined,
    purpose: Purpose,
  ): Promise<TagMapping> {
    const found = await this.#byHead(source, tag, purpose);
    if (!found) return this.byGet(source, tag, purpose);
    const proved =
      (known?.digest === found.digest && known.proved) ||
      (await this.#links.isProved(sourceKey(source), found.digest));
    if (known?.digest === found.digest) {
      const { deleted: _, ...kept } = known;
      return { ...kept, ...found, ...(proved && { proved }) };
    }
    if (!known || !(await this.#manifests.has(known.digest))) return { ...found, proved };
    return this.#moved(source, tag, found, purpose);
  }

  isCached(digest: Digest): Promise<boolean> {
    return this.#manifests.has(digest);
  }

  /** Undefined where HEAD does not name a digest. */
  async #byHead(source: Source, tag: string, purpose: Purpose): Promise<TagMapping | undefined> {
    const headers = await this.#upstream.headManifest(source, tag, purpose);
    const digest = headers?.get("docker-content-digest");
    if (!headers || !digest || !isDigest(digest)) return undefined;
    const mediaType = manifestType(headers.get("content-type"));
    // Some registries honour Accept for GET only, and describe in HEAD the schema 1 manifest that they have too: GET
    // decides.
    if (isSchema1(mediaType)) return undefined;
    const size = manifestSize(headers);
    return {
      digest,
      ...(mediaType && { mediaType }),
      ...(size !== undefined && { size }),
      checkedAt: Date.now(),
    };
  }

  /** Caches the new manifest and links the repository to it before the new digest is reported. */
  async #moved(
    source: Source,
    tag: string,
    found: TagMapping,
    purpose: Purpose,
  ): Promise<TagMapping> {
    const asking: Asking = {
      patience: source.rule.firstByteTimeout,
      background: purpose === "background",
      named: true,
    };
    const { MANIFEST_FILL } = this.#env;
    const fill = () => objectOf<ManifestFillMethods>(MANIFEST_FILL, found.digest);
    try {
      await call(() => fill().join(found.digest, source, asking));
      return { ...found, proved: true };
    } catch (error) {
      if (!isWrongDigest(error)) throw error;
      return this.byGet(source, tag, purpose);
    }
  }

  /** Checks by GET, where HEAD is deficient: the bytes of the answer are stored here. */
  async byGet(source: Source, tag: string, purpose: Purpose): Promise<TagMapping> {
    const answer = await this.#upstream.manifest(source, tag, purpose);
    const bytes = await readManifest(source, answer);
    const mediaType = typeOfManifest(source, bytes);
    const { host } = source.rule.upstream;
    // Without a requested digest, only the header can reveal a damaged body.
    const declared = answer.headers.get("docker-content-digest");
    const digest =
      declared !== null && isDigest(declared)
        ? digestOf(bytes, algorithmOf(declared))
        : digestOf(bytes);
    if (declared !== null && isDigest(declared) && declared !== digest) {
      const message = `${host} sent content that does not match ${declared}; nothing was stored`;
      throw new RegistryError("MANIFEST_INVALID", message, { status: 502 });
    }
    const manifest = { digest, mediaType, bytes };
    const place = sourceKey(source);
    await removalsOver(
      this.#env,
      await this.#outbox.tell({ manifest: factOf(manifest, place, false) }),
    );
    await this.#manifests.put(manifest, place);
    await this.#links.prove(place, digest, "bytes");
    return { digest, mediaType, size: bytes.byteLength, checkedAt: Date.now(), proved: true };
  }
}

/** Whether the upstream lacks the digest that its HEAD named: the tag moved in between, or HEAD is wrong. */
export function isWrongDigest(error: unknown): boolean {
  return (
    error instanceof RegistryError && ["MANIFEST_UNKNOWN", "MANIFEST_INVALID"].includes(error.code)
  );
}
