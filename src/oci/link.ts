// Link headers (RFC 8288), as registries page with them: `</v2/…?last=x&n=10>; rel="next"`.

/** The query of the next page's address; undefined where there is no next page. Only the query is taken:
 * where a Link points is the upstream's word, and pages are asked of the rule's own upstream alone. */
export function nextPage(link: string | null): URLSearchParams | undefined {
  // Neither part holds a "<": a header of nothing else would be read once for each.
  for (const match of (link ?? "").matchAll(/<([^<>]*)>([^,<]*)/g)) {
    const [, target = "", parameters = ""] = match;
    const relation = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]*))/i.exec(parameters);
    const relations = (relation?.[1] ?? relation?.[2] ?? "").toLowerCase().split(/\s+/);
    if (!relations.includes("next")) continue;
    const query = target.indexOf("?");
    return new URLSearchParams(query < 0 ? "" : target.slice(query + 1));
  }
  return undefined;
}
