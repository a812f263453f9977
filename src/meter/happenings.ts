// Names of events: the one list that reports, the API and webhooks share.

export const HAPPENINGS = [
  "image.cached",
  "tag.moved",
  "image.expired",
  "upstream.limited",
  "upstream.down",
  "upstream.up",
  "verification.failed",
  "pull.denied",
  "tag.held",
  "tag.released",
  "signature.failed",
  "verdict.changed",
  "allowance.added",
  "allowance.removed",
] as const;
