// A nondeterministic automaton that matches in time linear in states × text: it keeps the set of states that it may be in, and takes
// each of them once a character. A backtracking matcher (a RegExp) tries the ways one after another, of which a pattern such as
// `*a*a*a*a*b` has more than any request may take.

import { spend } from "./steps.ts";

/** What a state does. SPLIT goes on at the next state and at another, JUMP at another; neither takes a character. ANY and MANY stand for
 * any character but a slash, ALL for any at all; MANY and ALL for as many as there are. MATCH is the last state, and only that. */
export const CHAR = 0;
export const ANY = 1;
export const CLASS = 2;
export const MANY = 3;
export const ALL = 4;
export const SPLIT = 5;
export const JUMP = 6;
export const MATCH = 7;

const SLASH = 47;
/** Names and tags are ASCII. */
const ASCII = 128;

/** Characters, by a bit for each of ASCII. */
export interface CharacterClass {
  bits: Uint32Array;
  /** Whether it has what is not ASCII. */
  others: boolean;
}

/** An automaton in the making. */
export class States {
  readonly kinds: number[] = [];
  /** The code of a character, the number of a class, or the other state that a split or a jump leads to. */
  readonly values: number[] = [];
  readonly classes: CharacterClass[] = [];

  /** @returns its number */
  add(kind: number, value = 0): number {
    this.values.push(value);
    return this.kinds.push(kind) - 1;
  }

  /** The number that the next one gets. */
  get next(): number {
    return this.kinds.length;
  }
}

/** Working memory, shared by all automata of an isolate: none is entered twice at once. */
let marks = new Int32Array(1024);
let lists: [Int32Array, Int32Array] = [new Int32Array(1024), new Int32Array(1024)];
let stack = new Int32Array(2048);
let generation = 0;

function makeRoom(states: number): void {
  if (generation > 0x7f_00_00_00) {
    marks.fill(0);
    generation = 0;
  }
  if (marks.length >= states) return;
  const size = 2 * states;
  marks = new Int32Array(size);
  lists = [new Int32Array(size), new Int32Array(size)];
  stack = new Int32Array(2 * size);
  generation = 0;
}

/** Ends of `a`, `a/*` and `a/**`, by their kinds; the only character is the slash. */
const RESTS: Record<string, "nothing" | "a segment" | "segments"> = {
  [[MATCH].join()]: "nothing",
  [[MANY, MATCH].join()]: "a segment",
  [[SPLIT, CHAR, ALL, MATCH].join()]: "segments",
};

export class Automaton {
  readonly #kinds: Uint8Array;
  readonly #values: Int32Array;
  readonly #classes: readonly CharacterClass[];
  /** What every match begins with, and what is behind it: most patterns need no more. */
  readonly #prefix: string;
  readonly #rest: "nothing" | "a segment" | "segments" | "states";

  constructor({ kinds, values, classes }: States) {
    this.#kinds = Uint8Array.from(kinds);
    this.#values = Int32Array.from(values);
    this.#classes = classes;
    let literal = 0;
    while (kinds[literal] === CHAR) literal += 1;
    this.#prefix = values
      .slice(0, literal)
      .map((code) => String.fromCharCode(code))
      .join("");
    this.#rest = RESTS[kinds.slice(literal, literal + 5).join()] ?? "states";
  }

  get states(): number {
    return this.#kinds.length;
  }

  /** Whether all of the text is matched. Throws UNSUPPORTED (400) where the caller has set a limit (policy/steps). */
  matches(text: string): boolean {
    const prefix = this.#prefix;
    const begin = prefix.length;
    if (!text.startsWith(prefix)) return this.#said(false, 1);
    switch (this.#rest) {
      case "nothing":
        return this.#said(text.length === begin, 1);
      case "a segment":
        return this.#said(!text.includes("/", begin), text.length - begin);
      case "segments":
        return this.#said(text.length === begin || text.charCodeAt(begin) === SLASH, 1);
    }
    return this.#run(text, begin);
  }

  #run(text: string, begin: number): boolean {
    makeRoom(this.states);
    const [kinds, values] = [this.#kinds, this.#values];
    let [from, to] = lists;
    let steps = 0;
    generation += 1;
    let size = this.#close(begin, from, 0);
    for (let at = begin; at < text.length && size > 0; at++) {
      const code = text.charCodeAt(at);
      generation += 1;
      let reached = 0;
      steps += size;
      for (let index = 0; index < size; index++) {
        const state = from[index] as number;
        switch (kinds[state]) {
          case CHAR:
            if (values[state] === code) reached = this.#close(state + 1, to, reached);
            break;
          case ANY:
            if (code !== SLASH) reached = this.#close(state + 1, to, reached);
            break;
          case CLASS:
            if (this.#isIn(values[state] as number, code))
              reached = this.#close(state + 1, to, reached);
            break;
          case MANY:
            if (code !== SLASH) reached = this.#close(state, to, reached);
            break;
          case ALL:
            reached = this.#close(state, to, reached);
            break;
        }
      }
      [from, to] = [to, from];
      size = reached;
    }
    const last = this.states - 1;
    return this.#said(size > 0 && marks[last] === generation, steps + size);
  }

  /** Adds a state, and those that it leads to without a character, to a list, each once. @returns the list's new size */
  #close(state: number, list: Int32Array, size: number): number {
    let [depth, length] = [1, size];
    stack[0] = state;
    while (depth > 0) {
      depth -= 1;
      const one = stack[depth] as number;
      if (marks[one] === generation) continue;
      marks[one] = generation;
      // Those that take no character are listed too: they cost a step as well, and are counted with the others.
      list[length] = one;
      length += 1;
      switch (this.#kinds[one]) {
        case SPLIT:
          stack[depth] = this.#values[one] as number;
          stack[depth + 1] = one + 1;
          depth += 2;
          break;
        case JUMP:
          stack[depth] = this.#values[one] as number;
          depth += 1;
          break;
        case MANY:
        case ALL:
          stack[depth] = one + 1;
          depth += 1;
          break;
      }
    }
    return length;
  }

  #isIn(number: number, code: number): boolean {
    const { bits, others } = this.#classes[number] as CharacterClass;
    if (code >= ASCII) return others;
    return (((bits[code >> 5] as number) >>> (code & 31)) & 1) === 1;
  }

  #said(isMatch: boolean, steps: number): boolean {
    spend(steps);
    return isMatch;
  }
}
