// Pages of a list: which one a client asks for, and the address of the next one, which it is handed as it named this one.

import type { Seals } from "../../access/tokens/seals.ts";
import type { Digest } from "../../oci/digest.ts";
import { RegistryError } from "../../oci/error.ts";
import { type Source, sourceKey } from "../../policy/source.ts";
import { chosenPage, isChoice, linkedPage, type Paging, SEAL } from "../../pull/paging.ts";

export class ListPages {
  readonly #source: Source;
  /** Undefined: tags. */
  readonly #digest: Digest | undefined;
  readonly #url: URL;
  readonly #seals: Seals;

  /** @param url that the client asks */
  constructor(source: Source, digest: Digest | undefined, url: URL, seals: Seals) {
    this.#source = source;
    this.#digest = digest;
    this.#url = url;
    this.#seals = seals;
  }

  /** Throws PAGINATION_NUMBER_INVALID (400), and UNSUPPORTED (400) for a page of the upstream's that it was not led to. */
  async asked(): Promise<Paging> {
    const { searchParams } = this.#url;
    const seal = searchParams.get(SEAL);
    if (seal === null) return chosenPage(this.#kind, searchParams);
    const linked = linkedPage(searchParams);
    if (await this.#seals.isSealed(this.#sealed(linked), seal)) return linked;
    throw new RegistryError(
      "UNSUPPORTED",
      "this page's address was not handed out here, or long ago: begin with the first page",
      { status: 400 },
    );
  }

  /** The Link header to the next page. @param next its query, as the upstream has it */
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

  /** Of this list alone: what one upstream says leads nowhere at another. */
  #sealed({ query }: Paging): string {
    return JSON.stringify([sourceKey(this.#source), this.#digest ?? "tags", query]);
  }
}
