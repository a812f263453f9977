// List pages: parses the page a client asks for, and builds the Link to the next page under the name the client used.

import type { Seals } from "../../access/tokens/seals.ts";
import type { Digest } from "../../oci/digest.ts";
import { RegistryError } from "../../oci/error.ts";
import { type Source, sourceKey } from "../../policy/source.ts";
import { chosenPage, isChoice, linkedPage, type Paging, SEAL } from "../../pull/paging.ts";

export class ListPages {
  readonly #source: Source;
  /** Undefined for a tag list. */
  readonly #digest: Digest | undefined;
  readonly #url: URL;
  readonly #seals: Seals;

  /** @param url the client's request URL */
  constructor(source: Source, digest: Digest | undefined, url: URL, seals: Seals) {
    this.#source = source;
    this.#digest = digest;
    this.#url = url;
    this.#seals = seals;
  }

  /** Throws PAGINATION_NUMBER_INVALID (400), and UNSUPPORTED (400) for an upstream page that no Link of ours led to. */
  async requested(): Promise<Paging> {
    const { searchParams } = this.#url;
    const seal = searchParams.get(SEAL);
    if (seal === null) return chosenPage(this.#kind, searchParams);
    const linked = linkedPage(searchParams);
    if (await this.#seals.isSealed(this.#sealed(linked), seal)) return linked;
    throw new RegistryError(
      "UNSUPPORTED",
      "this page's address is invalid or has expired: start from the first page",
      { status: 400 },
    );
  }

  /** The Link header for the next page; `next` is its query as the upstream gave it. */
  async link(next: URLSearchParams): Promise<string> {
    const linked = linkedPage(next);
    const query = new URLSearchParams(linked.query);
    if (!isChoice(this.#kind, next)) query.set(SEAL, await this.#seals.seal(this.#sealed(linked)));
    for (const name of this.#digest === undefined ? ["ns"] : ["artifactType", "ns"]) {
      const value = this.#url.searchParams.get(name);
      if (value !== null) query.set(name, value);
    }
    return `<${this.#url.pathname}?${query}>; rel="next"`;
  }

  get #kind() {
    return this.#digest === undefined ? "tags" : "referrers";
  }

  /** Includes the list's identity, so that one upstream's page address is not valid for another's. */
  #sealed({ query }: Paging): string {
    return JSON.stringify([sourceKey(this.#source), this.#digest ?? "tags", query]);
  }
}
