// Guide pages: the user's guide in src/guide, with this cache's address and rules in the examples.

import { filledIn, GUIDE, type GuidePage, INDEX } from "../parts/guide-text.ts";
import { type Markdown, rendered } from "../parts/markdown.tsx";
import { Card } from "../parts/parts.tsx";
import { Columns, Scroll } from "../parts/table.tsx";
import type { PageVisit, Sections, View } from "../parts/visit.ts";

const ROOT = "/guide";
/** Pages that list the rules of this cache. */
const WITH_RULES = [INDEX.name, "clients"];

export function addGuide({ page }: Sections): void {
  page(ROOT, (visit) => guideView(visit, INDEX));
  page(`${ROOT}/:name`, async (visit) => {
    const name = visit.url.pathname.slice(ROOT.length + 1);
    const found = GUIDE.find((one) => one.name === name);
    return found ? guideView(visit, found) : unknownView();
  });
}

async function guideView({ facts }: PageVisit, page: GuidePage): Promise<View> {
  const own = facts();
  const source = (await page.load()).default;
  const { title, body, sections } = await rendered(source, {
    text: (text) => filledIn(text, own),
    link: pathOf,
  });
  return {
    title,
    section: ROOT,
    body: (
      <div class="guide">
        <Contents page={page} sections={sections} />
        <article>
          {WITH_RULES.includes(page.name) && own.mirrored.length > 0 && <Filled facts={own} />}
          {body}
        </article>
      </div>
    ),
  };
}

/** Converts a link of the guide's Markdown: `access.md#limits` is `/guide/access#limits`. */
function pathOf(href: string): string {
  const [, name, anchor = ""] = /^([A-Za-z-]+)\.md(#.*)?$/.exec(href) ?? [];
  if (name === undefined) return href;
  return `${name === INDEX.name ? ROOT : `${ROOT}/${name}`}${anchor}`;
}

function Contents({ page, sections }: { page: GuidePage; sections: Markdown["sections"] }) {
  return (
    <nav class="contents" aria-label="Guide">
      <ul>
        {[INDEX, ...GUIDE].map((one) => (
          <li>
            <a href={pathOf(`${one.name}.md`)} aria-current={one === page ? "page" : undefined}>
              {one.label}
            </a>
            {one === page && sections.length > 0 && (
              <ul>
                {sections.map(({ id, title }) => (
                  <li>
                    <a href={`#${id}`}>{title}</a>
                  </li>
                ))}
              </ul>
            )}
          </li>
        ))}
      </ul>
    </nav>
  );
}

function Filled({ facts: { host, mirrored } }: { facts: ReturnType<PageVisit["facts"]> }) {
  return (
    <Card title="This cache">
      <p>
        The examples use the address of this cache, <code>{host}</code>, and its rules. There is a
        rule for each of these registries:
      </p>
      <Scroll label="Rules of this cache">
        <table>
          <Columns names={["Registry", "Use instead"]} />
          <tbody>
            {mirrored.map(({ registry, location }) => (
              <tr>
                <td>
                  <code>{registry}/…</code>
                </td>
                <td>
                  <code>{location}/…</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Card>
  );
}

function unknownView(): View {
  return {
    title: "Page not found",
    section: ROOT,
    status: 404,
    body: (
      <p>
        This guide page does not exist. <a href={ROOT}>All pages</a>
      </p>
    ),
  };
}
