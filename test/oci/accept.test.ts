// Accept: what a client takes (RFC 9110, 12.5.1).

import { expect, it } from "vitest";
import { accepts } from "../../src/oci/accept.ts";
import {
  DOCKER_LIST,
  DOCKER_MANIFEST,
  INDEX_TYPES,
  OCI_INDEX,
  OCI_MANIFEST,
} from "../../src/oci/manifest.ts";

/** As skopeo sends it, six lines; `Headers` joins them so. */
const SIX_LINES = new Headers(
  [OCI_MANIFEST, DOCKER_MANIFEST, DOCKER_LIST, "application/json", "text/plain", OCI_INDEX].map(
    (type): [string, string] => ["Accept", type],
  ),
).get("accept") as string;

it.each<[string, string | undefined, boolean]>([
  ["absent", undefined, true],
  ["empty", "", true],
  ["blank", "  ", true],
  ["an index", OCI_INDEX, true],
  ["the other index", DOCKER_LIST, true],
  ["in upper case", OCI_INDEX.toUpperCase(), true],
  ["manifests only", `${OCI_MANIFEST}, ${DOCKER_MANIFEST}`, false],
  ["manifests and an index", `${OCI_MANIFEST},${OCI_INDEX}`, true],
  ["six header lines, joined", SIX_LINES, true],
  ["anything", "*/*", true],
  ["anything, in containerd's line", `${DOCKER_MANIFEST}, */*`, true],
  ["any application", "application/*", true],
  ["any text", "text/*", false],
  ["half a wildcard", "*", false],
  ["a wildcard with a subtype", "*/json", false],
  ["a prefix of the type", "application/vnd.oci.image.index", false],
  ["with a parameter", `${OCI_INDEX};charset=utf-8`, true],
  ["with a weight", `${OCI_INDEX};q=0.1`, true],
  ["with the least weight", `${OCI_INDEX};q=0.001`, true],
  ["with blanks around the weight", `${OCI_INDEX} ; q=0.5`, true],
  ["refused", `${OCI_INDEX};q=0`, false],
  ["refused with decimals", `${OCI_INDEX};q=0.000`, false],
  ["refused in upper case", `${OCI_INDEX};Q=0`, false],
  ["refused behind another parameter", `${OCI_INDEX};v=1;q=0`, false],
  ["anything refused", "*/*;q=0", false],
  ["one index refused, the other not", `${OCI_INDEX};q=0, ${DOCKER_LIST}`, true],
  ["empty entries", ",, ,", false],
])("%s", (_, header, expected) => {
  expect(accepts(header, INDEX_TYPES)).toBe(expected);
});

// "The most specific reference has precedence."
it.each([
  ["both indexes refused, anything else taken", `${OCI_INDEX};q=0, ${DOCKER_LIST};q=0, */*`, false],
  ["the same in another order", `*/*, ${DOCKER_LIST};q=0, ${OCI_INDEX};q=0`, false],
  ["one refused, anything else taken", `${OCI_INDEX};q=0, */*`, true],
  ["a family refused, anything else taken", "application/*;q=0, */*", false],
  ["a family refused, one of it taken", `application/*;q=0, ${OCI_INDEX}`, true],
])("%s", (_, header, expected) => {
  expect(accepts(header, INDEX_TYPES)).toBe(expected);
});
