// A lifecycle policy as it was read: in ECR's terms, and what Entrepot adds to them.

/** One of a policy's rules. Of images with its tag status, those that its count does not keep expire. */
export interface LifecycleRule {
  /** The lowest goes first. */
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
  /** In days. */
  | { countType: "sinceImagePushed" | "sinceImagePulled"; countNumber: number }
  /** In gigabytes, of 10^9 bytes each. */
  | { countType: "totalSizeMoreThan"; countNumber: number };

export type Selection = TagStatus & Count;

export interface LifecyclePolicy {
  /** Globs over repositories; undefined: all. */
  repositories?: string[];
  /** Globs over `name` or `name:tag`: no rule expires those. */
  protect: string[];
  /** The lowest priority first. None: nothing expires. */
  rules: LifecycleRule[];
}
