// Which of a rule's credentials is used, as they are refused and come to be good again.

import { expect, it } from "vitest";
import { RegistryError } from "../../src/oci/error.ts";
import { Keyring } from "../../src/upstream/keyring.ts";

const T = 1_750_000_000_000;
const KEYS = ["OLD", "NEW"];
const refusal = (message: string) => new RegistryError("UNAUTHORIZED", message);

it("is the first, until it is refused, and then the next for a minute", () => {
  const ring = new Keyring();
  expect(ring.pick(KEYS, "x", T)).toBe(0);
  ring.refuse("OLD", undefined, refusal("old"), T);
  expect(ring.pick(KEYS, "x", T)).toBe(1);
  expect(ring.pick(KEYS, "y", T + 50_000)).toBe(1);
  expect(ring.pick(KEYS, "x", T + 60_000)).toBe(0);
});

it("is another for the scope alone that it was refused for", () => {
  const ring = new Keyring();
  ring.refuse("OLD", "x", refusal("old"), T);
  expect(ring.pick(KEYS, "x", T)).toBe(1);
  expect(ring.pick(KEYS, "y", T)).toBe(0);
});

it("is none for five seconds where all are refused, and then the one that was refused first", () => {
  const ring = new Keyring();
  ring.refuse("OLD", undefined, refusal("old"), T);
  ring.refuse("NEW", "x", refusal("new"), T + 100);
  expect(() => ring.pick(KEYS, "x", T + 200)).toThrow("new");
  expect(ring.pick(KEYS, "y", T + 200)).toBe(1);
  expect(ring.pick(KEYS, "x", T + 5_050)).toBe(0);
});

it.each([["ONLY"], [undefined]])("%s, being alone, is tried again after five seconds", (key) => {
  const ring = new Keyring();
  ring.refuse(key, "x", refusal("no"), T);
  expect(() => ring.pick([key], "x", T + 4_000)).toThrow("no");
  expect(ring.pick([key], "x", T + 5_001)).toBe(0);
});

it("forgives what was said of one scope", () => {
  const ring = new Keyring();
  ring.refuse("ONLY", "x", refusal("no"), T);
  ring.forgive(["ONLY"], "x");
  expect(ring.pick(["ONLY"], "x", T)).toBe(0);
});
