// What reaches no terminal and no page, and a text that has all of it.

/** Control characters, line separators, formats, and what is not seen. */
export const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cf}\p{DI}\p{Cs}]/u;

export const HOSTILE =
  "\u001b[31;1mred\u001b[0m\u001b]0;title\u0007\u009b2J\r\n\b\u007f\u202egpj\u202c\u2066x\u2069\u200b\u2028\ufeff\u{e0041}<b>";
