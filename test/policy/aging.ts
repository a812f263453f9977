import type { MinimumAge } from "../../src/config/age-fields.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { ageVerdict } from "../../src/policy/age.ts";
import type { Sighting } from "../../src/policy/sightings.ts";

export const HOUR = 3_600_000;
export const NOW = 1_750_000_000_000;
export const [A, B, C] = ["a", "b", "c"].map((one) => `sha256:${one.repeat(64)}` as Digest) as [
  Digest,
  Digest,
  Digest,
];

export function minimum(fields: Partial<MinimumAge> = {}): MinimumAge {
  return { age: 10 * HOUR, mode: "enforce", except: [], first: "refuse", ...fields };
}

/** The verdict on a tag that was seen to mean these digests, each `[digest, from, to]` in hours from now; the last one up to its check. */
export function verdictOn(
  spans: [Digest, number, number, Partial<Sighting>?][],
  fields: Partial<MinimumAge> = {},
  tellsPushTimes = false,
) {
  const seen = spans.map(([digest, from, to, more], at) => ({
    digest,
    since: NOW + from * HOUR,
    ...(at < spans.length - 1 && { until: NOW + to * HOUR }),
    ...more,
  }));
  const [digest, , to] = spans.at(-1) as [Digest, number, number];
  const known = { digest, checkedAt: NOW + to * HOUR, seen };
  const verdict = ageVerdict(known, minimum(fields), tellsPushTimes, NOW);
  if (verdict.is === "passed") return "passed";
  if (verdict.is === "open") return `lacks ${verdict.lacks}`;
  const { accepted, until } = verdict.hold;
  const name = accepted === undefined ? "nothing" : { [A]: "A", [B]: "B", [C]: "C" }[accepted];
  return `${name}, ${until === undefined ? "no end" : (until - NOW) / HOUR}`;
}

export const released = (until: number) => ({
  released: { who: "x", reason: "y", at: NOW, until: NOW + until * HOUR },
});
export const pushed = (at: number) => ({ pushedAt: NOW + at * HOUR });
