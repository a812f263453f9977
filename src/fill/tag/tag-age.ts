// Age of a tag: after each check it is found out how old the digest is for the rule, and whether its content is exempt; the catalog is told
// whether the rule holds the tag, and a held digest is fetched, so that it can be scanned and is here once it is old enough.

import type { Catalog } from "../../catalog/contract.ts";
import { openCatalog } from "../../catalog/open.ts";
import type { Digest } from "../../oci/digest.ts";
import { type ErrorValue, RegistryError } from "../../oci/error.ts";
import { within } from "../../platform/deadline.ts";
import { asRegistryError } from "../../platform/rpc.ts";
import { type AgeVerdict, verdictOf } from "../../policy/age.ts";
import type { TagMapping } from "../../policy/fresh.ts";
import type { Release } from "../../policy/sightings.ts";
import { sourceKey } from "../../policy/source.ts";
import type { UpstreamClient } from "../../upstream/client/client.ts";
import { pushTime } from "../../upstream/push-time.ts";
import type { Asking, CheckedTag, FillBindings } from "../contract.ts";
import { patiently } from "../shared/asking.ts";
import { HeldContent } from "./held-content.ts";
import { HeldFetch } from "./held-fetch.ts";
import type { KnownTag } from "./known-tag.ts";
import type { NamedTag } from "./tag-history.ts";

/** Catalog timeout in ms: a pull does not wait longer for it. */
const CATALOG_TIMEOUT = 2_000;
/** How long a failure to find out the push time is remembered, in ms. */
const FAILURE_TTL = 30_000;
/** Interval in ms at which the catalog is told of an unchanged hold, so that one whose rule is gone can be told from it. */
const TELL_INTERVAL = 10 * 60_000;

const EXEMPT = "a signature, attestation or SBOM by its content";

export class TagAge {
  readonly #known: KnownTag;
  readonly #client: UpstreamClient;
  readonly #env: FillBindings;
  readonly #catalog: Catalog;
  readonly #content: HeldContent;
  readonly #fetch: HeldFetch;
  /** Rule's name → what the catalog was last told, and when. */
  readonly #reported = new Map<string, { text: string; at: number }>();
  #asking: { digest: Digest; answer: Promise<TagMapping> } | undefined;
  #failed: { digest: Digest; error: ErrorValue; until: number } | undefined;

  constructor(known: KnownTag, client: UpstreamClient, env: FillBindings) {
    this.#known = known;
    this.#client = client;
    this.#env = env;
    this.#catalog = openCatalog(env);
    this.#content = new HeldContent(env);
    this.#fetch = new HeldFetch(env);
  }

  /** Completes the answer to a check under a rule with a minimum age. Its verdict is the caller's, which knows what else lets a digest
   * pass.
   * @param before the mapping before the check */
  async judged(
    named: NamedTag & { asking: Asking },
    checked: CheckedTag,
    before: TagMapping | undefined,
  ): Promise<CheckedTag> {
    const { source, tag } = named;
    const { rule } = source;
    if (!rule.minimumAge) return checked;
    const whole = await this.#known.withHistory(named, checked.mapping);
    const mapping = await this.#exempted(named, whole);
    const open = verdictOf(mapping, source, tag, Date.now());
    if (open.is !== "open" || open.lacks !== "push time" || rule.offline) {
      await this.#conclude(named, mapping, open, before);
      return { ...checked, mapping };
    }
    try {
      const dated = await patiently(this.#dated(named, mapping), named);
      await this.#conclude(named, dated, verdictOf(dated, source, tag, Date.now()), before);
      return { ...checked, mapping: dated };
    } catch (error) {
      await this.#conclude(named, mapping, open, before);
      return { ...checked, mapping, unknownAge: asRegistryError(error).toValue() };
    }
  }

  /** Finds out by the digest's content whether it is exempt. One whose content cannot be read is held, until a check can read it. */
  async #exempted(named: NamedTag & { asking: Asking }, mapping: TagMapping): Promise<TagMapping> {
    const { source, tag } = named;
    const { digest } = mapping;
    const verdict = verdictOf(mapping, source, tag, Date.now());
    if (verdict.is === "passed" || (verdict.is === "open" && verdict.lacks === "history"))
      return mapping;
    try {
      if (!(await patiently(this.#content.isExempt(named, digest), named))) return mapping;
      return (await this.#known.amend(named, digest, { exempt: true })) ?? mapping;
    } catch (error) {
      console.warn(`entrepot: reading held ${digest} failed: ${(error as Error).message}`);
      return mapping;
    }
  }

  /** Asks the registry once for all that wait. Where it does not say, the tag counts as pushed when it was first seen. */
  async #dated(named: NamedTag, mapping: TagMapping): Promise<TagMapping> {
    const { digest } = mapping;
    const failed = this.#failed;
    if (failed?.digest === digest && failed.until > Date.now()) {
      const { code, message, ...options } = failed.error;
      throw new RegistryError(code, message, options);
    }
    if (this.#asking?.digest !== digest)
      this.#asking = { digest, answer: this.#askRegistry(named, mapping) };
    try {
      return await this.#asking.answer;
    } catch (error) {
      const until = Date.now() + FAILURE_TTL;
      this.#failed = { digest, error: asRegistryError(error).toValue(), until };
      throw error;
    } finally {
      if (this.#asking?.digest === digest) this.#asking = undefined;
    }
  }

  async #askRegistry(named: NamedTag, mapping: TagMapping): Promise<TagMapping> {
    const { source, tag } = named;
    const { digest, seen = [] } = mapping;
    const pushed = { repository: source.repository, tag, digest };
    const services = { client: this.#client, variables: { ...this.#env } };
    const asked = pushTime(services, source, pushed, Date.now()).catch((error: unknown) => {
      if (error instanceof RegistryError && [401, 403, 404].includes(error.status))
        return undefined;
      throw error;
    });
    const since = seen.at(-1)?.since ?? mapping.checkedAt;
    const pushedAt = Math.min((await asked) ?? since, since);
    return (await this.#known.amend(named, digest, { pushedAt })) ?? mapping;
  }

  async #conclude(
    named: NamedTag,
    mapping: TagMapping,
    verdict: AgeVerdict,
    before: TagMapping | undefined,
  ): Promise<void> {
    const { source, tag } = named;
    const { digest } = mapping;
    const was = before ? verdictOf(before, source, tag, Date.now()) : undefined;
    const isPromoted = verdict.is === "passed" && was?.is === "held" && before?.digest === digest;
    if (isPromoted) await this.#known.confirm(named, mapping);
    if (source.rule.minimumAge?.mode !== "enforce") return;
    if (verdict.is === "held") {
      void this.#fetch.fetch(source, verdict.hold);
      await this.#report(named, { hold: verdict.hold });
      return;
    }
    if (verdict.is === "open") return;
    const { released: release, exempt } = mapping.seen?.at(-1) ?? {};
    if (was?.is !== "held" && !release && !this.#reported.has(source.rule.name)) return;
    const because = exempt ? EXEMPT : reasonOf(release, isPromoted);
    await this.#report(named, { because });
  }

  /** Lets the digest pass, if it is what the tag means now. */
  async release(named: NamedTag, digest: Digest, release: Release): Promise<boolean> {
    const mapping = await this.#known.amend(named, digest, { released: release });
    if (!mapping) return false;
    await this.#report(named, { because: reasonOf(release, false) });
    return true;
  }

  /** Best effort: the next check repeats it. A catalog of an earlier version does not know holds. */
  async #report(
    { source, tag }: NamedTag,
    what: Pick<Parameters<Catalog["tellHold"]>[0], "hold" | "because">,
  ): Promise<void> {
    const rule = source.rule.name;
    const at = Date.now();
    const text = JSON.stringify(what);
    const last = this.#reported.get(rule);
    if (last?.text === text && (!what.hold || at - last.at < TELL_INTERVAL)) return;
    try {
      const told = this.#catalog.tellHold({ place: sourceKey(source), tag, rule, at, ...what });
      await within(told, CATALOG_TIMEOUT);
      this.#reported.set(rule, { text, at });
    } catch (error) {
      console.warn(`entrepot: telling the catalog of a hold failed: ${(error as Error).message}`);
    }
  }
}

function reasonOf(release: Release | undefined, isPromoted: boolean): string {
  if (release && !isPromoted) {
    const until = new Date(release.until).toISOString();
    return `released by ${release.who} until ${until}: ${release.reason}`;
  }
  return isPromoted ? "aged" : "the tag means a digest again that is old enough";
}
