// Evaluated places: each place's images with their policies' decisions. Places are evaluated one at a time, except those with a
// size-counting policy, which are evaluated together.

import type { Catalog } from "../catalog/contract.ts";
import type { CatalogImage } from "../catalog/sweep/contract.ts";
import type { LifecyclePolicy } from "../config/lifecycle-policy.ts";
import { limited, type Steps } from "../policy/steps.ts";
import type { Cover, Coverage } from "./coverage.ts";
import { countsSizes, type Decision, evaluate } from "./evaluate.ts";

/** An image that all applicable policies expire, with the first one's reason. */
export interface Expiring {
  image: CatalogImage;
  policy: string;
  priority: number;
  reason: string;
}

export interface EvaluatedPlace {
  place: string;
  coverage: Coverage;
  examined: number;
  /** Of those examined, the images kept by pins. */
  pinned: number;
  expiring: Expiring[];
  /** Whether the place was evaluated alone, in the order of places, so that a run can continue after it. */
  isInOrder: boolean;
}

const PLACE_PAGE_SIZE = 500;
const IMAGE_PAGE_SIZE = 2_000;

/** What places are evaluated by. */
export interface Evaluation {
  readonly catalog: Pick<Catalog, "places" | "images">;
  coverageOf(place: string): Coverage;
  /** Time that the policies are evaluated at, in ms since the epoch. */
  readonly now: number;
  /** Bounds the cost of matching: UNSUPPORTED (400) is thrown beyond it. */
  readonly steps: Steps;
}

/** Evaluates all places.
 * @param after the ordered place to continue after */
export async function* evaluatedPlaces(
  evaluation: Evaluation,
  after: string,
): AsyncGenerator<EvaluatedPlace> {
  const { catalog, now, steps } = evaluation;
  const together: string[] = [];
  // Starts at the first place: those that are evaluated together must be complete, wherever the others continue.
  for await (const place of placesOf(catalog)) {
    const coverage = limited(steps, () => evaluation.coverageOf(place));
    if (coverage.covers.some(({ policy }) => countsSizes(policy))) together.push(place);
    else if (place > after) {
      const images = await imagesOf(catalog, place, false);
      const decide = (cover: Cover) => decisionsOf(cover, images, now);
      const evaluated = limited(steps, () => combined(place, coverage, images, decide));
      yield { ...evaluated, isInOrder: true };
    }
  }
  yield* evaluatedTogether(evaluation, together);
}

async function* evaluatedTogether(
  evaluation: Evaluation,
  places: readonly string[],
): AsyncGenerator<EvaluatedPlace> {
  const { catalog, now, steps } = evaluation;
  const loaded = new Map<string, { coverage: Coverage; images: CatalogImage[] }>();
  for (const place of places) {
    loaded.set(place, {
      coverage: limited(steps, () => evaluation.coverageOf(place)),
      images: await imagesOf(catalog, place, true),
    });
  }
  /** Policy → its decisions on all images that it applies to. */
  const said = new Map<LifecyclePolicy, Map<CatalogImage, Decision<CatalogImage>>>();
  for (const { coverage } of loaded.values()) {
    for (const { policy } of coverage.covers) {
      if (said.has(policy) || !countsSizes(policy)) continue;
      const concerned = [...loaded.values()].filter((one) => concerns(one.coverage, policy));
      const names = (place: string) => namesFor(loaded.get(place)?.coverage, policy);
      const images = concerned.flatMap((one) => one.images);
      const decisions = limited(steps, () => evaluate(policy, images, now, names));
      said.set(policy, new Map(decisions.map((decision) => [decision.candidate, decision])));
    }
  }
  for (const [place, { coverage, images }] of loaded) {
    const decide = (cover: Cover) => {
      const decisions = said.get(cover.policy);
      if (!decisions) return decisionsOf(cover, images, now);
      return images.map((image) => decisions.get(image) as Decision<CatalogImage>);
    };
    const evaluated = limited(steps, () => combined(place, coverage, images, decide));
    yield { ...evaluated, isInOrder: false };
  }
}

function concerns({ covers }: Coverage, policy: LifecyclePolicy): boolean {
  return covers.some((cover) => cover.policy === policy);
}

function namesFor(coverage: Coverage | undefined, policy: LifecyclePolicy): string[] {
  return coverage?.covers.find((cover) => cover.policy === policy)?.names ?? [];
}

function decisionsOf(
  { policy, names }: Cover,
  images: readonly CatalogImage[],
  now: number,
): Decision<CatalogImage>[] {
  return evaluate(policy, images, now, () => names);
}

/** An image expires if at least one policy applies and all that apply expire it. */
function combined(
  place: string,
  coverage: Coverage,
  images: readonly CatalogImage[],
  decide: (cover: Cover) => Decision<CatalogImage>[],
): Omit<EvaluatedPlace, "isInOrder"> {
  const all = coverage.covers.map((cover) => ({ owner: cover.owner, decisions: decide(cover) }));
  const expiring = images.flatMap((image, index): Expiring[] => {
    const [first] = all;
    const decision = first?.decisions[index];
    const isAgreed = all.every(({ decisions }) => decisions[index]?.action === "expire");
    if (!first || decision?.action !== "expire" || !isAgreed) return [];
    return [{ image, policy: first.owner, priority: decision.priority, reason: decision.reason }];
  });
  const pinned = images.filter((image) => image.pinned).length;
  return { place, coverage, examined: images.length, pinned, expiring };
}

async function* placesOf(catalog: Pick<Catalog, "places">): AsyncGenerator<string> {
  let after = "";
  for (;;) {
    const page = await catalog.places(after, PLACE_PAGE_SIZE);
    yield* page;
    if (page.length < PLACE_PAGE_SIZE) return;
    after = page.at(-1) as string;
  }
}

async function imagesOf(
  catalog: Pick<Catalog, "images">,
  place: string,
  parts: boolean,
): Promise<CatalogImage[]> {
  const images: CatalogImage[] = [];
  for (let after = ""; ; ) {
    const page = await catalog.images(place, parts, after, IMAGE_PAGE_SIZE);
    const last = page.at(-1);
    if (!last) return images;
    images.push(...page);
    after = last.digest;
  }
}
