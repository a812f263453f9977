// A tag's check: what does it mean at the upstream now? HEAD, which costs no pull; GET where HEAD is deficient. A tag that
// has moved is told only once its new manifest is here: until then the old one can be served.

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

  /** Whether the manifest is cached. */
  isHere(digest: Digest): Promise<boolean> {
    return this.#manifests.has(digest);
  }

  /** Undefined where HEAD does not tell. */
  async #byHead(source: Source, tag: string, purpose: Purpose): Promise<TagMapping | undefined> {
    const headers = await this.#upstream.headManifest(source, tag, purpose);
    const digest = headers?.get("docker-content-digest");
    if (!headers || !digest || !isDigest(digest)) return undefined;
    const mediaType = manifestType(headers.get("content-type"));
    // Some registries heed Accept for GET alone, and tell HEAD of the schema 1 that they have beside: GET has the last word.
    if (isSchema1(mediaType)) return undefined;
    const size = manifestSize(headers);
    return {
      digest,
      ...(mediaType && { mediaType }),
      ...(size !== undefined && { size }),
      checkedAt: Date.now(),
    };
  }

  /** The new manifest is here, and the repository linked to it, before the tag is told to have moved. */
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

  /** The upstream forces a GET by tag: its bytes are kept here and now. */
  async byGet(source: Source, tag: string, purpose: Purpose): Promise<TagMapping> {
    const answer = await this.#upstream.manifest(source, tag, purpose);
    const bytes = await readManifest(source, answer);
    const mediaType = typeOfManifest(source, bytes);
    const { host } = source.rule.upstream;
    // The header is all that tells a damaged body where no digest was asked for.
    const told = answer.headers.get("docker-content-digest");
    const digest =
      told !== null && isDigest(told) ? digestOf(bytes, algorithmOf(told)) : digestOf(bytes);
    if (told !== null && isDigest(told) && told !== digest) {
      const message = `${host} sent other bytes than ${told} promises; nothing was kept`;
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

/** The upstream does not have the digest that its HEAD named: the tag moved in between, or HEAD is wrong. */
export function isWrongDigest(error: unknown): boolean {
  return (
    error instanceof RegistryError && ["MANIFEST_UNKNOWN", "MANIFEST_INVALID"].includes(error.code)
  );
}
