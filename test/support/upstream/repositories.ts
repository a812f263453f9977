// The content of the registry, by repository: manifests, tags, blobs.

import type { Algorithm, Descriptor, RepositorySettings } from "../wire.ts";
import { type Content, digestOf, generated, given } from "./content.ts";

export interface Manifest extends Descriptor {
  bytes: Uint8Array;
}

export interface Repository {
  manifests: Map<string, Manifest>;
  tags: Map<string, string>;
  blobs: Map<string, Content>;
  settings: RepositorySettings;
}

export class Repositories {
  private readonly repositories = new Map<string, Repository>();
  /** Digests of generated content: hashing gigabytes is worth doing once. */
  private readonly digests = new Map<string, Promise<string>>();

  find(name: string): Repository | undefined {
    return this.repositories.get(name);
  }

  /** The repository, made when it is new. */
  at(name: string): Repository {
    let found = this.repositories.get(name);
    if (!found) {
      found = { manifests: new Map(), tags: new Map(), blobs: new Map(), settings: {} };
      this.repositories.set(name, found);
    }
    return found;
  }

  async addGenerated(name: string, seed: number, size: number, algorithm: Algorithm) {
    const content = generated(seed, size);
    const key = `${algorithm}/${seed}/${size}`;
    const digest = this.digests.get(key) ?? digestOf(content, algorithm);
    this.digests.set(key, digest);
    return this.addBlob(name, content, await digest);
  }

  async addGiven(name: string, bytes: Uint8Array, algorithm: Algorithm) {
    const content = given(bytes);
    return this.addBlob(name, content, await digestOf(content, algorithm));
  }

  async addManifest(
    name: string,
    bytes: Uint8Array,
    mediaType: string,
    algorithm: Algorithm,
  ): Promise<Descriptor> {
    const digest = await digestOf(given(bytes), algorithm);
    const descriptor = { mediaType, digest, size: bytes.length };
    this.at(name).manifests.set(digest, { ...descriptor, bytes });
    return descriptor;
  }

  /** A tag or a digest of anything. What refers to it stays. */
  remove(name: string, reference: string): void {
    const repository = this.at(name);
    repository.tags.delete(reference);
    repository.manifests.delete(reference);
    repository.blobs.delete(reference);
  }

  clear(name?: string): void {
    if (name === undefined) this.repositories.clear();
    else this.repositories.delete(name);
  }

  private addBlob(name: string, content: Content, digest: string) {
    this.at(name).blobs.set(digest, content);
    return { digest, size: content.size };
  }
}
