// Recorded dates: whether a date in an image or manifest is real, since builders that record no date write a placeholder.

const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;

/** Shown in place of a date that was not recorded. */
export const NOT_RECORDED = "not recorded";

/** False for text that is not an RFC 3339 date, and for dates before 1970: Go's zero time (0001-01-01T00:00:00Z) and unset clocks.
 * @param at ISO 8601 */
export function isRecorded(at: string): boolean {
  return DATE_TIME.test(at) && Date.parse(at) >= 0;
}
