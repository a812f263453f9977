// TagFill: the Durable Object, one per tag, that asks the upstream once what the tag means, for all who ask. It
// only maps: content comes from the fill of its digest, so that two tags of one manifest are one GET. Only where the
// upstream forces a GET by tag are the bytes stored here.

import { DurableObject } from "cloudflare:workers";
import type { Env } from "../env.ts";
import { algorithmOf, isDigest } from "../oci/digest.ts";
import { type Outcome, RegistryError, settle } from "../oci/error.ts";
import { digestOf } from "../oci/hash.ts";
import { looksLikeManifest, manifestType, mediaTypeOf } from "../oci/manifest.ts";
import { isFresh, type TagMapping } from "../policy/fresh.ts";
import type { Source } from "../policy/source.ts";
import { MAPPING_KEY } from "../store/keys.ts";
import { ManifestStore } from "../store/manifests.ts";
import { TagStore } from "../store/tags.ts";
import { contentLength, UpstreamClient } from "../upstream/client.ts";
import { openGate } from "../upstream/gate.ts";
import type { How } from "./how.ts";
import { readManifest } from "./read-manifest.ts";

export interface CheckedTag {
  mapping: TagMapping;
  how: How;
}

/** For how long the object remembers what it has written into KV, in ms: KV shows a write after 60 s or more. */
const REMEMBER = 5 * 60_000;

export class TagFill extends DurableObject<Env> {
  readonly #tags = new TagStore(this.env.META);
  readonly #manifests = new ManifestStore(this.env.META, this.env.BLOBS);
  readonly #upstream = new UpstreamClient(openGate(this.env.UPSTREAM_GATE));
  #checking: Promise<TagMapping> | undefined;

  /** The tag's mapping, not older than the rule's `tagTtl`. Throws what the upstream answers. */
  async check(source: Source, tag: string): Promise<Outcome<CheckedTag>> {
    return settle(async () => {
      const known = await this.ctx.storage.get<TagMapping>(MAPPING_KEY);
      if (known && isFresh(known, source.rule.tagTtl, Date.now()))
        return { mapping: known, how: "found" as const };
      return this.#share(() => this.#byHead(source, tag));
    });
  }

  /** The same by GET alone: for an upstream whose HEAD names a digest that it does not have. */
  async checkByGet(source: Source, tag: string): Promise<Outcome<CheckedTag>> {
    return settle(() => this.#share(() => this.#byGet(source, tag)));
  }

  async #share(ask: () => Promise<TagMapping>): Promise<CheckedTag> {
    const how = this.#checking === undefined ? "started" : "joined";
    this.#checking ??= ask().finally(() => {
      this.#checking = undefined;
    });
    return { mapping: await this.#checking, how };
  }

  async #byHead(source: Source, tag: string): Promise<TagMapping> {
    const headers = await this.#upstream.headManifest(source, tag);
    const digest = headers?.get("docker-content-digest");
    if (!headers || !digest || !isDigest(digest)) return this.#byGet(source, tag);
    const mediaType = manifestType(headers.get("content-type"));
    const size = contentLength(headers);
    return this.#remember(source, tag, {
      digest,
      ...(mediaType && { mediaType }),
      ...(size !== undefined && { size }),
      checkedAt: Date.now(),
    });
  }

  async #byGet(source: Source, tag: string): Promise<TagMapping> {
    const answer = await this.#upstream.manifest(source, tag);
    const bytes = await readManifest(source, answer);
    const { host } = source.rule.upstream;
    if (!looksLikeManifest(bytes)) {
      throw new RegistryError(
        "UNAVAILABLE",
        `${host} answered with something that is no manifest; nothing was kept`,
      );
    }
    // The header is all that tells a damaged body where no digest was asked for.
    const told = answer.headers.get("docker-content-digest");
    const digest =
      told !== null && isDigest(told) ? digestOf(bytes, algorithmOf(told)) : digestOf(bytes);
    if (told !== null && isDigest(told) && told !== digest) {
      throw new RegistryError(
        "MANIFEST_INVALID",
        `${host} sent other bytes than ${told} promises; nothing was kept`,
        {
          status: 502,
        },
      );
    }
    const mediaType = mediaTypeOf(bytes, answer.headers.get("content-type"));
    await this.#manifests.put({ digest, mediaType, bytes });
    return this.#remember(source, tag, {
      digest,
      mediaType,
      size: bytes.byteLength,
      checkedAt: Date.now(),
    });
  }

  async #remember(source: Source, tag: string, mapping: TagMapping): Promise<TagMapping> {
    await this.ctx.storage.put(MAPPING_KEY, mapping);
    await this.ctx.storage.setAlarm(Date.now() + REMEMBER);
    try {
      await this.#tags.put(source, tag, mapping);
    } catch (error) {
      // What is lost is the near copy; whoever misses it comes here.
      console.error(`entrepot: KV refused a tag's mapping: ${(error as Error).message}`);
    }
    return mapping;
  }

  override async alarm(): Promise<void> {
    await this.ctx.storage.deleteAll();
  }
}
