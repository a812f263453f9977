// Nondeterministic automaton: matches in time proportional to states × text, by keeping the set of possible states and visiting each once
// per character. A backtracking matcher (RegExp) tries one path after another, and a pattern such as `*a*a*a*a*b` has too many (ReDoS).

import { spend } from "./steps.ts";

/** Kinds of states. SPLIT continues at the next state and at another, JUMP at another; neither consumes a character. ANY and MANY match any
 * character except a slash, ALL any; MANY and ALL match any number of them. MATCH is the last state and occurs only there. */
export const CHAR = 0;
export const ANY = 1;
export const CLASS = 2;
export const MANY = 3;
export const ALL = 4;
export const SPLIT = 5;
export const JUMP = 6;
export const MATCH = 7;

const SLASH = 47;
/** Number of ASCII characters, which names and tags consist of. */
const ASCII = 128;

/** A set of characters, with a bit for each of ASCII. */
export interface CharacterClass {
  bits: Uint32Array;
  /** Whether it contains all other characters. */
  others: boolean;
}

/** Builder of an automaton. */
export class States {
  readonly kinds: number[] = [];
  /** Per state: a character's code, a class's index, or the target of a split or a jump. */
  readonly values: number[] = [];
  readonly classes: CharacterClass[] = [];

  /** Appends a state. @returns its number */
  add(kind: number, value = 0): number {
    this.values.push(value);
    return this.kinds.push(kind) - 1;
  }

  /** The number of the next state. */
  get next(): number {
    return this.kinds.length;
  }
}

/** Working memory, shared by all automata of an isolate: matching is synchronous and not reentrant. */
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

/** Fast paths by the kinds of the states after the literal prefix: `a`, `a/*` and `a/**`. The only literal in them is the slash. */
const RESTS: Record<string, "nothing" | "a segment" | "segments"> = {
  [[MATCH].join()]: "nothing",
  [[MANY, MATCH].join()]: "a segment",
  [[SPLIT, CHAR, ALL, MATCH].join()]: "segments",
};

export class Automaton {
  readonly #kinds: Uint8Array;
  readonly #values: Int32Array;
  readonly #classes: readonly CharacterClass[];
  /** The literal prefix of every match, and the kind of the rest; most patterns need no states. */
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

  /** Whether the whole text matches. Throws UNSUPPORTED (400) beyond the caller's limit, if there is one (policy/steps). */
  matches(text: string): boolean {
    const prefix = this.#prefix;
    const begin = prefix.length;
    if (!text.startsWith(prefix)) return this.#spent(false, 1);
    switch (this.#rest) {
      case "nothing":
        return this.#spent(text.length === begin, 1);
      case "a segment":
        return this.#spent(!text.includes("/", begin), text.length - begin);
      case "segments":
        return this.#spent(text.length === begin || text.charCodeAt(begin) === SLASH, 1);
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
    return this.#spent(size > 0 && marks[last] === generation, steps + size);
  }

  /** Adds a state and those reachable without a character to a list, each once. @returns the list's new size */
  #close(state: number, list: Int32Array, size: number): number {
    let [depth, length] = [1, size];
    stack[0] = state;
    while (depth > 0) {
      depth -= 1;
      const one = stack[depth] as number;
      if (marks[one] === generation) continue;
      marks[one] = generation;
      // States that consume no character are listed too, so that their steps are counted.
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

  #spent(isMatch: boolean, steps: number): boolean {
    spend(steps);
    return isMatch;
  }
}
