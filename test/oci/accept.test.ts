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

it.each<{ title: string; header: string | undefined; expected: boolean }>([
  { title: "absent", header: undefined, expected: true },
  { title: "empty", header: "", expected: true },
  { title: "blank", header: "  ", expected: true },
  { title: "an index", header: OCI_INDEX, expected: true },
  { title: "the other index", header: DOCKER_LIST, expected: true },
  { title: "in upper case", header: OCI_INDEX.toUpperCase(), expected: true },
  { title: "manifests only", header: `${OCI_MANIFEST}, ${DOCKER_MANIFEST}`, expected: false },
  { title: "manifests and an index", header: `${OCI_MANIFEST},${OCI_INDEX}`, expected: true },
  { title: "six header lines, joined", header: SIX_LINES, expected: true },
  { title: "anything", header: "*/*", expected: true },
  { title: "anything, in containerd's line", header: `${DOCKER_MANIFEST}, */*`, expected: true },
  { title: "any application", header: "application/*", expected: true },
  { title: "any text", header: "text/*", expected: false },
  { title: "half a wildcard", header: "*", expected: false },
  { title: "a wildcard with a subtype", header: "*/json", expected: false },
  { title: "a prefix of the type", header: "application/vnd.oci.image.index", expected: false },
  { title: "with a parameter", header: `${OCI_INDEX};charset=utf-8`, expected: true },
  { title: "with a weight", header: `${OCI_INDEX};q=0.1`, expected: true },
  { title: "with the least weight", header: `${OCI_INDEX};q=0.001`, expected: true },
  { title: "with blanks around the weight", header: `${OCI_INDEX} ; q=0.5`, expected: true },
  { title: "refused", header: `${OCI_INDEX};q=0`, expected: false },
  { title: "refused with decimals", header: `${OCI_INDEX};q=0.000`, expected: false },
  { title: "refused in upper case", header: `${OCI_INDEX};Q=0`, expected: false },
  { title: "refused behind another parameter", header: `${OCI_INDEX};v=1;q=0`, expected: false },
  { title: "anything refused", header: "*/*;q=0", expected: false },
  {
    title: "one index refused, the other not",
    header: `${OCI_INDEX};q=0, ${DOCKER_LIST}`,
    expected: true,
  },
  { title: "empty entries", header: ",, ,", expected: false },
])("$title", ({ header, expected }) => {
  expect(accepts(header, INDEX_TYPES)).toBe(expected);
});

// "The most specific reference has precedence."
it.each([
  {
    title: "both indexes refused, anything else taken",
    header: `${OCI_INDEX};q=0, ${DOCKER_LIST};q=0, */*`,
    expected: false,
  },
  {
    title: "the same in another order",
    header: `*/*, ${DOCKER_LIST};q=0, ${OCI_INDEX};q=0`,
    expected: false,
  },
  { title: "one refused, anything else taken", header: `${OCI_INDEX};q=0, */*`, expected: true },
  {
    title: "a family refused, anything else taken",
    header: "application/*;q=0, */*",
    expected: false,
  },
  {
    title: "a family refused, one of it taken",
    header: `application/*;q=0, ${OCI_INDEX}`,
    expected: true,
  },
])("$title", ({ header, expected }) => {
  expect(accepts(header, INDEX_TYPES)).toBe(expected);
});
