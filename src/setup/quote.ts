// Quoting, one function per language: every configured name printed into a file or script is quoted for that language. The host
// grammar (config/host) already rejects names that need quoting; this is a second defence for names from other sources.

/** One word of a POSIX shell. Attack: `$(…)`, `;` or a line break in a name would run commands as root on every node. Throws
 * for NUL, which shell words cannot contain. */
export function shell(text: string): string {
  if (text.includes("\0")) throw new Error("a shell word cannot contain NUL");
  // Excludes `~`, `=` and `[`, whose meaning depends on their position.
  if (/^[\w@%+:,./-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** A line of an unquoted here-document, in which the shell expands `$`, "`" and `\`. */
export function hereLine(text: string): string {
  return text.replaceAll(/[\\$`]/g, "\\$&");
}

/** A comment in shell, TOML, YAML or HCL; line breaks are replaced, because they would end the comment. */
export function comment(text: string): string {
  return `# ${text.replaceAll(/[^\P{Cc}\t]|[\u2028\u2029]/gu, " ")}`;
}

/** A single file or folder name. Attack: `../../etc` would leave the folder. */
export function fileName(text: string): string {
  const name = text.replaceAll("/", "_");
  return /^\.*$/.test(name) ? `_${name}` : name;
}

/** A JSON string. */
export function json(text: string): string {
  return JSON.stringify(text.toWellFormed());
}

/** A TOML basic string (TOML 1.0, "String"). Braces are escaped too, since TOML is embedded in files with templates of their
 * own. */
export function toml(text: string): string {
  return quoted(text, /[{}]/);
}

/** A YAML double-quoted scalar (YAML 1.2, 7.3.1). */
export function yaml(text: string): string {
  return quoted(text);
}

/** An HCL string. Braces are escaped, because HCL strings are templates (`${`, `%{`). */
export function hcl(text: string): string {
  return quoted(text, /[{}]/);
}

/** A YAML scalar of a GitHub workflow, where `${{ … }}` is an expression. */
export function workflow(text: string): string {
  return yaml(text.replaceAll(/\$\{\{/g, (open) => `${open} '${open}' }}`));
}

/** A YAML scalar of GitLab CI, where `$NAME` is a variable. */
export function gitlabCi(text: string): string {
  return yaml(text.replaceAll("$", "$$$$"));
}

/** A YAML scalar of a Kyverno policy, where `{{ … }}` is an expression. */
export function kyverno(text: string): string {
  return yaml(text.replaceAll("{{", "\\{{"));
}

/** A string inside a Kyverno expression (`{{ … }}`): a JMESPath raw string, or a JSON literal if the raw string or the
 * expression would end early. */
export function jmespath(text: string): string {
  if (/^[^\P{ASCII}\p{Cc}'\\{}]*$/u.test(text)) return `'${text}'`;
  const escaped = text.toWellFormed().replaceAll(/[^\w./:-]/g, (unit) => codeUnit(unit));
  return `\`"${escaped}"\``;
}

/** An RE2 pattern that matches exactly this text. */
export function pattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()|[\]{}]/g, (one) => (one === "." ? "[.]" : `\\${one}`));
}

const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\n": "\\n",
  "\t": "\\t",
};

/** Quotes for TOML, YAML and HCL: printable ASCII unchanged, everything else by code point, because parsers differ in which
 * characters end a line (U+0085, U+2028). A lone surrogate becomes U+FFFD. */
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
