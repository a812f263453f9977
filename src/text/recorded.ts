// Whether a date says when something was: images and manifests are foreign, and builders that do not record a date write one.

const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;

/** In place of a date that is none. */
export const NOT_RECORDED = "not recorded";

/** False for what is no date of RFC 3339, and for dates before 1970: Go's zero time (0001-01-01T00:00:00Z), and clocks that were not set.
 * @param at ISO 8601 */
export function isRecorded(at: string): boolean {
  return DATE_TIME.test(at) && Date.parse(at) >= 0;
}
