// Minimum age: the fields of a rule that keep a tag at its old digest until it has meant the new one for long enough.

import { z } from "zod";
import { duration } from "./duration.ts";
import { pattern } from "./fields.ts";
import { type TrustMode, trustMode } from "./trust-mode.ts";

/** How a tag is judged that has never been served here. registry: by the time at which the registry says it was pushed. serve: its first
 * digest is served at once. refuse: it waits like any other. */
const FIRST = ["registry", "serve", "refuse"] as const;

export const ageFields = {
  minimumAge: duration("3d", 1)
    .optional()
    .describe(
      "How long a tag must have been seen to mean a digest before that digest is served. Until then the tag keeps its old digest. Pulls by digest are not judged. Default: no minimum.",
    ),
  minimumAgeMode: trustMode
    .optional()
    .describe(
      "enforce: a tag that is too young keeps its old digest, or is refused. report: it is served, and logs, events and metrics say so. Default: enforce. Needs minimumAge.",
    ),
  minimumAgeExcept: z
    .array(pattern, { error: "must be a list of globs" })
    .optional()
    .describe(
      "Globs over names, or names and tags, that have no minimum age. Default: none. Needs minimumAge.",
    ),
  minimumAgeFirst: z
    .enum(FIRST, { error: 'must be "registry", "serve" or "refuse"' })
    .optional()
    .describe(
      "How a tag is judged when it is first seen here. registry: by the time at which the registry says it was pushed (Docker Hub, Quay, Artifact Registry, GHCR with credentials); refused where the registry does not say. serve: served at once. refuse: refused until it was seen for minimumAge. Default: registry. Needs minimumAge.",
    ),
};

export interface MinimumAge {
  /** In ms. */
  age: number;
  mode: TrustMode;
  /** Globs over `name` or `name:tag`. */
  except: string[];
  first: (typeof FIRST)[number];
}

type Given = { [F in keyof typeof ageFields]?: z.infer<(typeof ageFields)[F]> };

/** @param report receives the field of a problem, and the problem */
export function minimumAgeOf(
  given: Given,
  report: (field: string, message: string) => void,
): MinimumAge | undefined {
  const { minimumAge, minimumAgeMode, minimumAgeExcept, minimumAgeFirst } = given;
  if (minimumAge === undefined) {
    const others = { minimumAgeMode, minimumAgeExcept, minimumAgeFirst };
    for (const [field, value] of Object.entries(others))
      if (value !== undefined) report(field, "has no effect without minimumAge");
    return undefined;
  }
  return {
    age: minimumAge,
    mode: minimumAgeMode ?? "enforce",
    except: minimumAgeExcept ?? [],
    first: minimumAgeFirst ?? "registry",
  };
}
