// Tag histories as R2's metadata: what is written is read again, and fits.

import { describe, expect, it, vi } from "vitest";
import type { Digest } from "../../src/oci/digest.ts";
import type { History } from "../../src/policy/sightings.ts";
import { historyIn, historyText } from "../../src/store/tag-history.ts";

const digest = (one: string) => `sha512:${one.repeat(128)}` as Digest;
const [A, B] = [digest("a"), digest("b")];
const AT = 1_750_000_000_000;
const release = { who: "me@example.com", reason: "fixes “it” \n", at: AT, until: AT + 5 };

describe("a history", () => {
  it.each<[string, History]>([
    ["of nothing", { seen: [], moves: [] }],
    ["of one digest", { seen: [{ digest: A, since: AT }], moves: [] }],
    [
      "of several",
      {
        seen: [
          { digest: A, since: AT, until: AT + 1, pushedAt: AT - 9 },
          { digest: B, since: AT + 2, until: AT + 3, exempt: true },
          { digest: A, since: AT + 4, released: release },
        ],
        moves: [AT + 2, AT + 4],
      },
    ],
  ])("%s is read as it was written, in ASCII", (_, history) => {
    const text = historyText({ history, confirmedAt: AT + 9 });
    expect(text).toMatch(/^[\x20-\x7e]*$/);
    expect(historyIn(text)).toEqual({ history, confirmedAt: AT + 9 });
  });

  it("of the greatest size fits beside the former digests into R2's 8 KiB", () => {
    const long = { ...release, who: "w".repeat(200), reason: "😀".repeat(300) };
    const seen = Array.from({ length: 16 }, (_, at) => ({
      digest: A,
      since: AT + at,
      until: AT + at,
      pushedAt: AT,
      released: long,
    }));
    const moves = Array.from({ length: 20 }, () => AT);
    const text = historyText({ history: { seen, moves }, confirmedAt: AT });
    const former = 20 * (A.length + 1);
    expect(text.length + former + 300).toBeLessThan(8_192);
    expect(historyIn(text)?.history.seen).toHaveLength(16);
    expect(historyIn(text)?.history.seen[3]?.released?.until).toBe(AT + 5);
  });

  it.each(["{", "[]", '{"seen":[["x",1]],"moves":[],"confirmedAt":1}'])(
    "that is damaged counts as none: %s",
    (text) => {
      vi.spyOn(console, "error").mockImplementation(() => {});
      expect(historyIn(text)).toBeUndefined();
      vi.restoreAllMocks();
    },
  );
});
