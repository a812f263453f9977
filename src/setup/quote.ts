// Quoting, one function a language: every name that is printed into a file or a script goes through that language's. The grammar of
// hosts (config/host) lets nothing through that would need it; this is the second lock, for a name that comes another way.

/** One word of a POSIX shell: `$(…)`, `;` or a line's end in a name would be commands, run as root on every node. Throws for NUL,
 * which no shell can have. */
export function shell(text: string): string {
  if (text.includes("\0")) throw new Error("a shell's word cannot hold NUL");
  // No `~`, `=` or `[`: they mean something where they stand.
  if (/^[\w@%+:,./-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** A line of a here-document whose end is not quoted, in which the shell expands `$`, "`" and `\`. */
export function hereLine(text: string): string {
  return text.replaceAll(/[\\$`]/g, "\\$&");
}

/** A comment of a shell, TOML, YAML or HCL: it ends with its line. */
export function comment(text: string): string {
  return `# ${text.replaceAll(/[^\P{Cc}\t]|[\u2028\u2029]/gu, " ")}`;
}

/** The name of a file or a folder in the one that it is put into: `../../etc` would be another. */
export function fileName(text: string): string {
  const name = text.replaceAll("/", "_");
  return /^\.*$/.test(name) ? `_${name}` : name;
}

/** A JSON string. */
export function json(text: string): string {
  return JSON.stringify(text.toWellFormed());
}

/** A TOML basic string (TOML 1.0, "String"). Braces are escaped too: TOML stands within files that have templates of their own. */
export function toml(text: string): string {
  return quoted(text, /[{}]/);
}

/** A YAML double-quoted scalar (YAML 1.2, 7.3.1). */
export function yaml(text: string): string {
  return quoted(text);
}

/** A string of HCL, which is a template (`${`, `%{`) where its braces are not escaped. */
export function hcl(text: string): string {
  return quoted(text, /[{}]/);
}

/** A YAML scalar of a GitHub workflow: what stands between `${{` and `}}` is an expression. */
export function workflow(text: string): string {
  return yaml(text.replaceAll(/\$\{\{/g, (open) => `${open} '${open}' }}`));
}

/** A YAML scalar of GitLab CI, where `$NAME` is a variable. */
export function gitlabCi(text: string): string {
  return yaml(text.replaceAll("$", "$$$$"));
}

/** A YAML scalar of a Kyverno policy, in which what stands between `{{` and `}}` is an expression. */
export function kyverno(text: string): string {
  return yaml(text.replaceAll("{{", "\\{{"));
}

/** A string within an expression of Kyverno's, between `{{` and `}}`: JMESPath's raw string, or its JSON literal where that would end
 * early or end the expression. */
export function jmespath(text: string): string {
  if (/^[^\P{ASCII}\p{Cc}'\\{}]*$/u.test(text)) return `'${text}'`;
  const escaped = text.toWellFormed().replaceAll(/[^\w./:-]/g, (unit) => codeUnit(unit));
  return `\`"${escaped}"\``;
}

/** A pattern of RE2 that matches the text alone. */
export function pattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()|[\]{}]/g, (one) => (one === "." ? "[.]" : `\\${one}`));
}

const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\n": "\\n",
  "\t": "\\t",
};

/** As TOML, YAML and HCL have it: printable ASCII as it is, all else by its number. Parsers differ in which other characters end a
 * line (U+0085, U+2028). A lone surrogate is no character: U+FFFD. */
function quoted(text: string, also = /(?!)/): string {
  const units = [...text.toWellFormed()].map((character) => {
    const short = SHORT[character];
    if (short !== undefined) return short;
    const code = character.codePointAt(0) as number;
    if (code >= 0x20 && code < 0x7f && !also.test(character)) return character;
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, "0")}` : codeUnit(character);
  });
  return `"${units.join("")}"`;
}

function codeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
