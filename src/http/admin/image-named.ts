// Image references in API requests: resolves one, as people write it, to its source and digest.

import type { Catalog } from "../../catalog/contract.ts";
import type { Config } from "../../config/read.ts";
import type { Digest } from "../../oci/digest.ts";
import { parseReference, type Reference } from "../../oci/reference.ts";
import { routeFull, sourceOf } from "../../policy/route.ts";
import { type Source, sourceKey } from "../../policy/source.ts";
import type { PullServices } from "../../pull/services.ts";
import type { Visitor } from "../registry/registry-auth.ts";
import { ApiProblem } from "./problem.ts";

/** What the routes of images work with. */
export interface ImageServices {
  readonly catalog: Catalog;
  readonly pulls: PullServices;
  config(): Config;
}

export interface Named {
  reference: Reference;
  /** The full reference, with its tag or digest. */
  text: string;
  source: Source;
  place: string;
}

/** Throws NAME_INVALID (400), and `no-such-rule` (404) when no rule leads to it. */
export function sourceNamed({ rules }: Config, text: string, host: string): Named {
  const reference = parseReference(text, host);
  const { name, tag, digest } = reference;
  const routed = routeFull(rules, name);
  if (!routed) throw noRule(name);
  const source = sourceOf(routed);
  const whole = digest === undefined ? `${name}:${tag}` : `${name}@${digest}`;
  return { reference, text: whole, source, place: sourceKey(source) };
}

/** The same for a cached image, with its digest. Throws `not-cached` (404) when it is not cached. */
export async function imageNamed(
  { catalog, pulls, config }: ImageServices,
  text: string,
  visitor: Visitor,
): Promise<Named & { digest: Digest }> {
  const named = sourceNamed(config(), text, visitor.url.host);
  const { tag, digest: given } = named.reference;
  const visit = { host: visitor.url.host, now: visitor.now, later: visitor.later };
  const digest = given ?? (await pulls.tags.get(named.source, tag as string, visit))?.value.digest;
  if (digest === undefined || !(await catalog.image(named.place, digest)))
    throw notHere(named.text);
  return { ...named, digest };
}

export function noRule(name: string): ApiProblem {
  return new ApiProblem("no-such-rule", `reference: there is no rule for the name "${name}"`);
}

export function notHere(text: string): ApiProblem {
  return new ApiProblem("not-cached", `${text} is not cached here`);
}
