// Lifecycle policy: the parsed form, in ECR's terms with Entrepot's extensions.

/** A rule of a policy: images with its tag status expire unless its count keeps them. */
export interface LifecycleRule {
  /** The rule with the lowest priority is applied first. */
  priority: number;
  description?: string;
  selection: Selection;
}

export type TagStatus =
  | { tagStatus: "tagged"; tagPrefixList: string[] }
  | { tagStatus: "tagged"; tagPatternList: string[] }
  | { tagStatus: "untagged" | "any" };

export type Count =
  | { countType: "imageCountMoreThan"; countNumber: number }
  /** countNumber in days. */
  | { countType: "sinceImagePushed" | "sinceImagePulled"; countNumber: number }
  /** countNumber in gigabytes of 10^9 bytes. */
  | { countType: "totalSizeMoreThan"; countNumber: number };

export type Selection = TagStatus & Count;

export interface LifecyclePolicy {
  /** Globs over repositories; undefined for all. */
  repositories?: string[];
  /** Globs over `name` or `name:tag` that no rule expires. */
  protect: string[];
  /** Sorted by priority, lowest first. If empty, nothing expires. */
  rules: LifecycleRule[];
}
