// Which of a rule's credentials is used, as they are refused and come to be good again.

import { describe, expect, it } from "vitest";
import { RegistryError } from "../../src/oci/error.ts";
import { Keyring } from "../../src/upstream/authorization/keyring.ts";

const T = 1_750_000_000_000;
const KEYS = ["OLD", "NEW"];
/** A repository of one identity. */
const at = (scope: string, by?: string) => ({ scope, by });
const refusal = (message: string) => new RegistryError("UNAUTHORIZED", message);

it("is the first, until it is refused, and then the next for a minute", () => {
  const ring = new Keyring();
  expect(ring.pick(KEYS, at("x"), T)).toBe(0);
  ring.refuse("OLD", undefined, refusal("old"), T);
  expect(ring.pick(KEYS, at("x"), T)).toBe(1);
  expect(ring.pick(KEYS, at("y"), T + 50_000)).toBe(1);
  expect(ring.pick(KEYS, at("x"), T + 60_000)).toBe(0);
});

it("is another for the scope alone that it was refused for", () => {
  const ring = new Keyring();
  ring.refuse("OLD", "x", refusal("old"), T);
  expect(ring.pick(KEYS, at("x"), T)).toBe(1);
  expect(ring.pick(KEYS, at("y"), T)).toBe(0);
});

it("is none for five seconds where all are refused, and then the one that was refused first", () => {
  const ring = new Keyring();
  ring.refuse("OLD", undefined, refusal("old"), T);
  ring.refuse("NEW", "x", refusal("new"), T + 100);
  expect(() => ring.pick(KEYS, at("x"), T + 200)).toThrow("new");
  expect(ring.pick(KEYS, at("y"), T + 200)).toBe(1);
  expect(ring.pick(KEYS, at("x"), T + 5_050)).toBe(0);
});

it.each([["ONLY"], [undefined]])("%s, being alone, is tried again after five seconds", (key) => {
  const ring = new Keyring();
  ring.refuse(key, "x", refusal("no"), T);
  expect(() => ring.pick([key], at("x"), T + 4_000)).toThrow("no");
  expect(ring.pick([key], at("x"), T + 5_001)).toBe(0);
});

it("forgets the refusal of one scope", () => {
  const ring = new Keyring();
  ring.refuse("ONLY", "x", refusal("no"), T);
  ring.forgive(["ONLY"], "x");
  expect(ring.pick(["ONLY"], at("x"), T)).toBe(0);
});

describe("a login that a token service refuses", () => {
  const KEY = ["ONLY"];
  const refused = (ring: Keyring, scope: string, by: string, now = T) => {
    try {
      ring.pick(KEY, at(scope, by), now);
      return false;
    } catch {
      return true;
    }
  };

  it("is refused for all when it never was valid", () => {
    const ring = new Keyring();
    ring.refuseLogin("ONLY", at("x", "mallory"), refusal("no"), T);
    expect(refused(ring, "y", "alice")).toBe(true);
  });

  it("and was valid before is refused for that name, then for that identity, and for no other", () => {
    const ring = new Keyring();
    ring.accept("ONLY");
    for (let count = 1; count <= 50; count++) {
      ring.refuseLogin("ONLY", at(`x${count}`, "mallory"), refusal("no"), T);
      expect(refused(ring, `x${count}`, "alice")).toBe(true);
      expect(refused(ring, "y", "mallory")).toBe(count >= 3);
      expect(refused(ring, "y", "alice")).toBe(false);
    }
    expect(refused(ring, "y", "mallory", T + 5_001)).toBe(false);
  });

  it("and was valid before is refused for all once two identities are refused", () => {
    const ring = new Keyring();
    ring.accept("ONLY");
    ring.refuseLogin("ONLY", at("x", "alice"), refusal("no"), T);
    ring.refuseLogin("ONLY", at("y", "bob"), refusal("no"), T);
    expect(refused(ring, "z", "carol")).toBe(true);
    // Until it is good again, one word is enough.
    ring.refuseLogin("ONLY", at("x", "alice"), refusal("no"), T + 5_002);
    expect(refused(ring, "z", "carol", T + 5_003)).toBe(true);
    ring.accept("ONLY");
    ring.refuseLogin("ONLY", at("x", "alice"), refusal("no"), T + 11_000);
    expect(refused(ring, "z", "carol", T + 11_000)).toBe(false);
  });
});

it.each([undefined, "background"])(
  "is not doubted by an identity and by %s, whose names are its choice",
  (by) => {
    const ring = new Keyring();
    ring.accept("ONLY");
    for (const scope of ["x", "y", "z"]) {
      ring.refuseLogin("ONLY", at(scope, "mallory"), refusal("no"), T);
      ring.refuseLogin("ONLY", at(scope, by), refusal("no"), T);
    }
    expect(ring.pick(["ONLY"], at("a", "alice"), T)).toBe(0);
    expect(() => ring.pick(["ONLY"], at("a", "mallory"), T)).toThrow("no");
  },
);
