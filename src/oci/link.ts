// Link headers (RFC 8288), which registries use for paging: `</v2/…?last=x&n=10>; rel="next"`.

/** The query of the next page's URL; undefined if there is no next page. Only the query is used: the upstream controls where a Link points,
 * and pages are requested from the rule's own upstream only (SSRF). Scans from left to right, each character once: a RegExp for `<…>`
 * takes quadratic time for a header of `<<<<`, which an upstream may send (ReDoS). */
export function nextPage(link: string | null): URLSearchParams | undefined {
  const text = link ?? "";
  for (let at = 0; ; ) {
    const open = text.indexOf("<", at);
    const close = open < 0 ? -1 : text.indexOf(">", open);
    if (close < 0) return undefined;
    const end = endOf(text, close + 1);
    if (isNext(text.slice(close + 1, end))) {
      const [target = ""] = text.slice(open + 1, close).split("#");
      const query = target.indexOf("?");
      return new URLSearchParams(query < 0 ? "" : target.slice(query + 1));
    }
    at = end;
  }
}

/** Index where a link's parameters end. A comma in quotes ends them too, since no relation contains one. */
function endOf(text: string, from: number): number {
  let end = from;
  while (end < text.length && text[end] !== "," && text[end] !== "<") end += 1;
  return end;
}

function isNext(parameters: string): boolean {
  for (const parameter of parameters.split(";").slice(1)) {
    const equals = parameter.indexOf("=");
    if (equals < 0 || parameter.slice(0, equals).trim().toLowerCase() !== "rel") continue;
    const value = parameter.slice(equals + 1).trim();
    const relations = value.startsWith('"') ? (value.split('"')[1] ?? "") : value;
    return relations.toLowerCase().split(/\s+/).includes("next");
  }
  return false;
}
