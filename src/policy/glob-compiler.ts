// Glob compiler: from a glob to its automaton, with the semantics of picomatch, which earlier versions used; test/policy/glob.test.ts lists
// the differences. Alternatives become branches and are never expanded: `{a,b}{a,b}…` has as many states as characters.

import { ALL, ANY, Automaton, CHAR, CLASS, JUMP, MANY, MATCH, SPLIT, States } from "./automaton.ts";
import { characterClass } from "./character-class.ts";

/** A pair of braces in a pattern. */
interface Braces {
  close: number;
  /** Indexes of the commas between its alternatives; if there are none, the braces are literal. */
  commas: number[];
}

/** An alternation that is being compiled. */
interface Open {
  close: number;
  /** Number of the state whose target is set to the start of the next alternative. */
  split: number;
  /** Numbers of the states whose target is set to the end of the alternation. */
  jumps: number[];
}

export function compiled(pattern: string): Automaton {
  return new Compiler(pattern).automaton();
}

class Compiler {
  readonly #pattern: string;
  readonly #braces: ReadonlyMap<number, Braces>;
  /** Indexes of the commas that end an alternative. */
  readonly #commas: ReadonlySet<number>;
  readonly #states = new States();
  readonly #open: Open[] = [];
  readonly #lastClose: number;
  #at = 0;

  constructor(pattern: string) {
    let text = pattern;
    while (text.startsWith("./")) text = text.slice(2);
    this.#pattern = text;
    this.#lastClose = text.lastIndexOf("]");
    this.#braces = bracesIn(text);
    this.#commas = new Set([...this.#braces.values()].flatMap(({ commas }) => commas));
  }

  automaton(): Automaton {
    while (this.#at < this.#pattern.length) this.#next();
    this.#states.add(MATCH);
    return new Automaton(this.#states);
  }

  #next(): void {
    const open = this.#open.at(-1);
    const character = this.#pattern[this.#at];
    if (character === "*") this.#stars();
    else if (character === "/") this.#slash();
    else if (character === "?") this.#one(ANY);
    else if (character === "[" && this.#at < this.#lastClose) this.#bracket();
    else if (character === "{") this.#brace();
    else if (character === "," && open && this.#commas.has(this.#at)) this.#comma(open);
    else if (character === "}" && open?.close === this.#at) this.#closed(open);
    else this.#literal();
  }

  #literal(): void {
    this.#one(CHAR, this.#pattern.charCodeAt(this.#at));
  }

  #one(kind: number, value = 0): void {
    this.#states.add(kind, value);
    this.#at += 1;
  }

  /** `**` matches any number of segments if it is a whole segment; otherwise any run of `*` is like `*`. */
  #stars(): void {
    const begin = this.#at;
    while (this.#pattern[this.#at] === "*") this.#at += 1;
    if (this.#at - begin !== 2 || !this.#isSegmentStart(begin) || !this.#isSegmentEnd(this.#at)) {
      this.#states.add(MANY);
      return;
    }
    this.#at = this.#skipRepeated(this.#at);
    if (begin === 0 && this.#pattern[this.#at] === "/") this.#segments();
    else this.#states.add(ALL);
  }

  // A final `a/**` also matches `a`, and `**` between slashes may match nothing, so that one slash matches both. `*/**` needs at least two
  // segments.
  #slash(): void {
    const begin = this.#at;
    const isGlobstar = /^\/\*\*(?!\*)/.test(this.#pattern.slice(begin, begin + 4));
    const end = isGlobstar && begin > 0 ? this.#skipRepeated(begin + 3) : begin;
    if (end > begin && this.#pattern[end] === "/") {
      this.#at = end;
      this.#states.add(CHAR, SLASH);
      this.#segments();
    } else if (end === this.#pattern.length && this.#pattern[begin - 1] !== "*") {
      this.#at = end;
      const split = this.#states.add(SPLIT);
      this.#states.add(CHAR, SLASH);
      this.#states.add(ALL);
      this.#states.values[split] = this.#states.next;
    } else this.#literal();
  }

  /** At the slash after a `**`: matches any number of whole segments, with that slash. */
  #segments(): void {
    const split = this.#states.add(SPLIT);
    this.#states.add(ALL);
    this.#one(CHAR, SLASH);
    this.#states.values[split] = this.#states.next;
  }

  // `**/**` equals `**`.
  #skipRepeated(from: number): number {
    let at = from;
    while (this.#pattern.startsWith("/**", at) && [undefined, "/"].includes(this.#pattern[at + 3]))
      at += 3;
    return at;
  }

  #isSegmentStart(at: number): boolean {
    if (at === 0 || this.#pattern[at - 1] === "/" || this.#commas.has(at - 1)) return true;
    return this.#isAlternation(at - 1);
  }

  #isSegmentEnd(at: number): boolean {
    if (at === this.#pattern.length || this.#pattern[at] === "/" || this.#commas.has(at))
      return true;
    return this.#braces.has(at) || this.#open.at(-1)?.close === at;
  }

  #isAlternation(at: number): boolean {
    return (this.#braces.get(at)?.commas.length ?? 0) > 0;
  }

  #bracket(): void {
    const close = closeOf(this.#pattern, this.#at);
    this.#class(this.#pattern.slice(this.#at + 1, close), close);
  }

  #class(content: string, end: number): void {
    const { classes } = this.#states;
    this.#states.add(CLASS, classes.push(characterClass(content)) - 1);
    this.#at = end + 1;
  }

  #brace(): void {
    const braces = this.#braces.get(this.#at);
    const range = braces && rangeIn(this.#pattern.slice(this.#at + 1, braces.close));
    if (braces && range !== undefined) this.#class(range, braces.close);
    else if (braces && braces.commas.length > 0) {
      this.#open.push({ close: braces.close, split: this.#states.add(SPLIT), jumps: [] });
      this.#at += 1;
    } else this.#literal();
  }

  #comma(open: Open): void {
    open.jumps.push(this.#states.add(JUMP));
    this.#states.values[open.split] = this.#states.next;
    open.split = this.#states.add(SPLIT);
    this.#at += 1;
  }

  #closed({ split, jumps }: Open): void {
    const { values, next } = this.#states;
    // There is no alternative after the last.
    values[split] = split + 1;
    for (const jump of jumps) values[jump] = next;
    this.#open.pop();
    this.#at += 1;
  }
}

const SLASH = "/".charCodeAt(0);

function bracesIn(pattern: string): Map<number, Braces> {
  const lastClose = pattern.lastIndexOf("]");
  const found = new Map<number, Braces>();
  const open: { at: number; commas: number[] }[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at];
    // Only before the last `]`: otherwise the searches for a missing one would take quadratic time.
    if (character === "[" && at < lastClose) at = closeOf(pattern, at);
    else if (character === "{") open.push({ at, commas: [] });
    else if (character === ",") open.at(-1)?.commas.push(at);
    else if (character === "}") {
      const last = open.pop();
      if (last) found.set(last.at, { close: at, commas: last.commas });
    }
  }
  return found;
}

/** Index of the bracket that closes the one at `open`, which must exist. */
function closeOf(pattern: string, open: number): number {
  return pattern.indexOf("]", open + 1);
}

/** Content of the class that `{a..c}` equals: `a-c`. */
function rangeIn(content: string): string | undefined {
  if (/[[\]{},*?/]/.test(content)) return undefined;
  const ends = content.split("..");
  if (ends.length < 2 || ends.some((end) => end === "" || end.includes("."))) return undefined;
  return ends.sort().join("-");
}
