// The tests' hand on the fixture upstream: fills, breaks and watches it over its control port, from workerd or Node.

import { seedOf } from "./content.ts";
import {
  configOf,
  EMPTY,
  type Format,
  indexOf,
  manifestOf,
  type Platform,
  referrerOf,
  TYPES,
} from "./images.ts";
import type {
  Algorithm,
  Commands,
  Descriptor,
  FaultRule,
  RateLimit,
  Received,
  Reception,
  RepositorySettings,
  RequestFilter,
  RequestRecord,
  Server,
  ServiceAccountKey,
  TokenSettings,
  UpstreamPorts,
} from "./wire.ts";

export { bytes, seedOf } from "./content.ts";
export * from "./images.ts";
export * from "./wire.ts";

export interface BlobInfo {
  digest: string;
  size: number;
}

/** A layer's content is that of its seed: `bytes(seed, 0, size)`. */
export interface Layer extends BlobInfo {
  seed: number;
}

/** A manifest with the very bytes that are served. */
export interface ManifestInfo extends Descriptor {
  bytes: Uint8Array;
}

export interface Image extends ManifestInfo {
  config: BlobInfo;
  layers: Layer[];
  platform: Platform;
}

export interface ImageOptions {
  /** Sizes in bytes. Content follows from the seed and the layer's place: equal sizes are equal layers in every tag. */
  layers?: number[];
  /** Default: the repository's name. Give the same to two repositories that shall share layers. */
  seed?: string;
  /** Default linux/amd64. */
  platform?: Platform;
  format?: Format;
}

export class Fixture {
  readonly ports: UpstreamPorts;

  constructor(ports: UpstreamPorts) {
    this.ports = ports;
  }

  /** Without a slash at its end. */
  url(server: Server): string {
    return `http://${this.host(server)}`;
  }

  host(server: Server): string {
    return `127.0.0.1:${this.ports[server]}`;
  }

  async blob(
    repository: string,
    content: { seed: number; size: number } | Uint8Array | string,
    algorithm: Algorithm = "sha256",
  ): Promise<BlobInfo> {
    if (typeof content === "string")
      return this.blob(repository, new TextEncoder().encode(content), algorithm);
    if (content instanceof Uint8Array) return this.send("blob", { repository, algorithm }, content);
    return this.send("generate", { repository, seed: content.seed, size: content.size, algorithm });
  }

  /** Without `mediaType`: the one in the JSON, or OCI's for a manifest. A tag that was there moves. */
  async manifest(
    repository: string,
    content: object | Uint8Array | string,
    options: { mediaType?: string; tag?: string | undefined; algorithm?: Algorithm } = {},
  ): Promise<ManifestInfo> {
    const bytes =
      content instanceof Uint8Array ? content : new TextEncoder().encode(asText(content));
    const own = (content as { mediaType?: unknown }).mediaType;
    const mediaType = options.mediaType ?? (typeof own === "string" ? own : TYPES.oci.manifest);
    const params = { repository, mediaType, algorithm: options.algorithm ?? "sha256" };
    const tagged = options.tag === undefined ? params : { ...params, tag: options.tag };
    return { ...(await this.send("manifest", tagged, bytes)), bytes };
  }

  /** Config, layers and manifest; without a tag, one to be pulled by digest. */
  async image(
    repository: string,
    tag: string | undefined,
    options: ImageOptions = {},
  ): Promise<Image> {
    const { layers: sizes = [1000], seed = repository, format = "oci" } = options;
    const platform = options.platform ?? { os: "linux", architecture: "amd64" };
    const layers = await Promise.all(
      sizes.map(async (size, at) => {
        const from = seedOf(`${seed}#${at}`);
        return { ...(await this.blob(repository, { seed: from, size })), seed: from };
      }),
    );
    const config = await this.blob(repository, JSON.stringify(configOf(seed, platform, layers)));
    const manifest = await this.manifest(repository, manifestOf(format, config, layers), { tag });
    return { ...manifest, config, layers, platform };
  }

  async index(
    repository: string,
    tag: string | undefined,
    children: (Descriptor & { platform?: Platform })[],
    format: Format = "oci",
  ): Promise<ManifestInfo> {
    return this.manifest(repository, indexOf(format, children), { tag });
  }

  /** An artifact that refers to `subject`, with one layer of `content`. */
  async referrer(
    repository: string,
    subject: Descriptor,
    artifactType: string,
    options: { content?: string; annotations?: Record<string, string>; tag?: string } = {},
  ): Promise<ManifestInfo> {
    const config = await this.blob(repository, EMPTY.content);
    const layer = await this.blob(repository, options.content ?? artifactType);
    const manifest = referrerOf(subject, artifactType, config, layer, options.annotations);
    return this.manifest(repository, manifest, { tag: options.tag });
  }

  async tag(repository: string, tag: string, digest: string): Promise<void> {
    await this.send("tag", { repository, tag, digest });
  }

  /** Takes a tag, a manifest or a blob away. */
  async remove(repository: string, reference: string): Promise<void> {
    await this.send("remove", { repository, reference });
  }

  async settings(repository: string, settings: RepositorySettings): Promise<void> {
    await this.send("settings", { repository, ...settings });
  }

  /** Adds to the end of the list; the id is for `heal`. */
  async fault(rule: FaultRule): Promise<number> {
    return this.send("fault", rule);
  }

  /** Ends faults, of a repository or the one with this id. Nothing else is forgotten; what is held stays held. */
  async heal(which: { repository?: string; id?: number }): Promise<void> {
    await this.send("heal", which);
  }

  /** Opens a hold, for those who wait there and for those still to come. A new fault with this name shuts it again. */
  async release(name: string): Promise<void> {
    await this.send("release", { name });
  }

  /** Resolves once `count` responses wait at this hold together. */
  async held(name: string, count = 1): Promise<void> {
    await this.send("held", { name, count });
  }

  /** Resolves once no response (of this repository) is under way: all finished, cut, or left by their clients. */
  async idle(repository?: string): Promise<void> {
    await this.send("idle", repository === undefined ? {} : { repository });
  }

  async requests(filter: RequestFilter = {}): Promise<RequestRecord[]> {
    return this.send("requests", filter);
  }

  /** The most bodies of blobs that were sent at once, of this repository or of all. */
  async concurrent(repository?: string): Promise<number> {
    return this.send("concurrent", repository === undefined ? {} : { repository });
  }

  async rateLimit(limit: RateLimit): Promise<void> {
    await this.send("rateLimit", limit);
  }

  async token(settings: TokenSettings): Promise<void> {
    await this.send("token", settings);
  }

  /** The key file of the only service account, which asks for its logins in this repository's name. */
  async serviceAccount(repository: string): Promise<ServiceAccountKey> {
    return this.send("serviceAccount", { repository });
  }

  /** The URL of a receiver of webhooks. */
  receiver(hook: string): string {
    return `http://127.0.0.1:${this.ports.receiver}/${hook}`;
  }

  /** What the receiver does with requests from now on, in place of what it did. */
  async receive(hook: string, ...rules: Reception[]): Promise<void> {
    await this.send("receive", { hook, rules });
  }

  /** The requests that it got. */
  async received(hook: string): Promise<Received[]> {
    return this.send("received", { hook });
  }

  /** The tokens and logins given out for this repository, or all, are of no use from now on. */
  async revoke(repository?: string): Promise<void> {
    await this.send("revoke", repository === undefined ? {} : { repository });
  }

  /** Forgets all of a repository, or everything: content, faults, requests, limits, settings, tokens. */
  async clear(repository?: string): Promise<void> {
    await this.send("clear", repository === undefined ? {} : { repository });
  }

  private async send<Verb extends keyof Commands>(
    verb: Verb,
    params: Commands[Verb]["params"],
    body?: Uint8Array,
  ): Promise<Commands[Verb]["result"]> {
    const query = body ? `?params=${encodeURIComponent(JSON.stringify(params))}` : "";
    const response = await fetch(`http://127.0.0.1:${this.ports.control}/${verb}${query}`, {
      method: "POST",
      body: body ?? JSON.stringify(params),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`fixture ${verb}: ${text}`);
    return JSON.parse(text);
  }
}

function asText(content: object | string): string {
  return typeof content === "string" ? content : JSON.stringify(content);
}
