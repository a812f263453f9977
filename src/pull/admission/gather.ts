// Gathering of an image's signatures: the `.sig` tag and the referrers, through the tag's, the list's and the contents' fills, which cache,
// share and limit what the upstream is asked.

import type { Digest } from "../../oci/digest.ts";
import { RegistryError } from "../../oci/error.ts";
import { kindOf } from "../../oci/kind.ts";
import { digestIn } from "../../oci/references.ts";
import {
  MAX_ARTIFACT_BYTES,
  MAX_ARTIFACTS,
  MAX_BLOB_BYTES,
  MAX_SIGNATURES,
  type SignatureArtifact,
} from "../../signatures/contract.ts";
import { blobsToRead, claimsSignature, signatureTag } from "../../signatures/open.ts";
import { isUnknown } from "../../upstream/client/refusal.ts";
import type { ContentRequest } from "./contract.ts";
import { decidingFor, fetchManifest, readBlob } from "./read.ts";

/** Maximum number of pages of referrers that are read per image. */
const MAX_PAGES = 4;
/** Number of signature manifests that are read at once. */
const AT_ONCE = 4;
/** Age in ms of a cached tag or list from which it does not prove that there is no signature. */
const PROVES_ABSENCE = 30_000;

export interface Gathered {
  artifacts: SignatureArtifact[];
  /** Why something could not be read. */
  unread?: string;
  /** There is more than is examined. */
  isCut: boolean;
  /** Cached tags or lists of it are too old to conclude that a signature is missing. */
  isOld: boolean;
}

/** @param force asks the upstream past `tagTtl` and `listTtl` */
export async function gatherSignatures(request: ContentRequest, force: boolean): Promise<Gathered> {
  const gathering = new Gathering(request, force);
  return gathering.all();
}

class Gathering {
  readonly #request: ContentRequest;
  readonly #force: boolean;
  #unread: string | undefined;
  #isCut = false;
  #isOld = false;
  /** Blobs that may still be read. */
  #left = MAX_SIGNATURES;

  constructor(request: ContentRequest, force: boolean) {
    this.#request = request;
    this.#force = force;
  }

  async all(): Promise<Gathered> {
    const [tagged, referring] = await Promise.all([this.#tagged(), this.#referring()]);
    const digests = [...new Set([...tagged, ...referring])];
    if (digests.length > MAX_ARTIFACTS) this.#isCut = true;
    const artifacts: SignatureArtifact[] = [];
    for (let at = 0; at < Math.min(digests.length, MAX_ARTIFACTS); at += AT_ONCE) {
      const some = digests.slice(at, Math.min(at + AT_ONCE, MAX_ARTIFACTS));
      artifacts.push(...(await Promise.all(some.map((digest) => this.#artifact(digest)))).flat());
    }
    const [isCut, isOld, unread] = [this.#isCut, this.#isOld, this.#unread];
    return { artifacts, isCut, isOld, ...(unread !== undefined && { unread }) };
  }

  get #asking() {
    return { ...decidingFor(this.#request.pull), ...(this.#force && { force: true }) };
  }

  async #tagged(): Promise<Digest[]> {
    const { services, source, digest } = this.#request;
    const tag = signatureTag(digest);
    return this.#unlessAbsent(async () => {
      const checked = await services.fills.checkTag(source, tag, this.#asking);
      const { mapping, how, failure } = checked;
      if (failure) this.#failed(failure);
      if (mapping.deleted) return [];
      this.#notedAge(how === "found", mapping.checkedAt);
      return [mapping.digest];
    });
  }

  async #referring(): Promise<Digest[]> {
    const { services, source, digest } = this.#request;
    const list = `referrers/${digest}`;
    const found: Digest[] = [];
    await this.#unlessAbsent(async () => {
      let query: string | undefined = "";
      for (let pages = 0; query !== undefined; pages++) {
        if (pages >= MAX_PAGES || found.length > MAX_ARTIFACTS) {
          this.#isCut = true;
          break;
        }
        const asked = { list, query };
        const { page, how, failure } = await services.fills.list(source, asked, this.#asking);
        if (failure) this.#failed(failure);
        this.#notedAge(how === "found", page.checkedAt);
        found.push(...page.entries.flatMap(signatureIn));
        query = page.next;
      }
      return [];
    });
    return found;
  }

  async #artifact(digest: Digest): Promise<SignatureArtifact[]> {
    const request = { ...this.#request, digest };
    return this.#unlessAbsent(async () => {
      const manifest = await fetchManifest(request);
      if (manifest.byteLength > MAX_ARTIFACT_BYTES) {
        this.#isCut = true;
        return [];
      }
      const blobs = new Map<Digest, Uint8Array>();
      for (const blob of blobsToRead(manifest)) {
        if (this.#left <= 0) {
          this.#isCut = true;
          break;
        }
        this.#left -= 1;
        const read = await this.#unlessAbsent(async () => [
          await readBlob({ ...request, digest: blob.digest }, MAX_BLOB_BYTES + 1),
        ]);
        for (const bytes of read) if (bytes.byteLength === blob.size) blobs.set(blob.digest, bytes);
      }
      return [{ digest, manifest, blobs }];
    });
  }

  /** What the registry does not have is left out; other failures are noted. */
  async #unlessAbsent<T>(work: () => Promise<T[]>): Promise<T[]> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      if (this.#request.source.rule.offline || !isUnknown(error)) this.#failed(error);
      return [];
    }
  }

  #failed({ message }: { message: string }): void {
    this.#unread ??= message;
  }

  #notedAge(isCached: boolean, checkedAt: number): void {
    if (isCached && this.#request.pull.now - checkedAt > PROVES_ABSENCE) this.#isOld = true;
  }
}

function signatureIn(entry: unknown): Digest[] {
  const descriptor = (entry ?? {}) as { mediaType?: unknown; artifactType?: unknown };
  if (kindOf(descriptor.mediaType) === "blob") return [];
  return claimsSignature(descriptor) ? digestIn(entry) : [];
}
