// Frame: the layout around every page, with navigation, the signed-in administrator and the flash message.

import type { Child } from "hono/jsx";
import { pathOf } from "../assets/assets.ts";
import type { PageVisit, Theme, View } from "./visit.ts";

const SECTIONS: [path: string, name: string][] = [
  ["/", "Overview"],
  ["/images", "Images"],
  ["/upstreams", "Upstreams"],
  ["/lifecycle", "Lifecycle"],
  ["/prewarm", "Prewarm"],
  ["/tokens", "Tokens"],
  ["/events", "Events"],
  ["/explain", "Explain"],
  ["/setup", "Set up"],
  ["/guide", "Guide"],
  ["/docs", "Reference"],
];

export function Frame({ visit, view }: { visit: PageVisit; view: View }) {
  const { person, flash, theme, url } = visit;
  return (
    <Html title={view.title} theme={theme}>
      <a class="skip" href="#content">
        Skip to content
      </a>
      <header class="bar">
        <a class="brand" href="/">
          <img src={pathOf("icon.svg")} alt="" width="26" height="26" />
          Entrepot
        </a>
        <nav aria-label="Sections">
          <ul>
            {SECTIONS.map(([path, name]) => (
              <li>
                <a href={path} aria-current={view.section === path ? "page" : undefined}>
                  {name}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <div class="self">
          <button type="button" class="quiet" data-theme-switch hidden>
            Switch theme
          </button>
          <p>
            <span class="who">{person.who}</span>
            {person.role === "viewer" && <span class="badge">read-only</span>}
          </p>
          {person.who.endsWith(" token") && (
            <form method="post" action="/sign-out">
              <button type="submit" class="quiet">
                Sign out
              </button>
            </form>
          )}
        </div>
      </header>
      <main id="content" tabindex={-1}>
        {flash && (
          <div class={`notice ${flash.good ? "good" : "bad"}`} role="status">
            <p>{flash.text}</p>
          </div>
        )}
        <h1>{view.title}</h1>
        {view.body}
      </main>
      <footer class="foot">
        <p>
          Entrepot on <code>{url.host}</code>
        </p>
      </footer>
    </Html>
  );
}

/** Layout without navigation, for requests that are not authenticated. */
export function Plain({
  title,
  theme,
  children,
}: {
  title: string;
  theme: Theme;
  children: Child;
}) {
  return (
    <Html title={title} theme={theme}>
      <main id="content" class="plain">
        <p class="brand">
          <img src={pathOf("icon.svg")} alt="" width="34" height="34" />
          Entrepot
        </p>
        <h1>{title}</h1>
        {children}
      </main>
    </Html>
  );
}

function Html({ title, theme, children }: { title: string; theme: Theme; children: Child }) {
  return (
    <html lang="en" data-theme={theme === "auto" ? undefined : theme}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content={theme === "auto" ? "light dark" : theme} />
        <title>{title === "Overview" ? "Entrepot" : `${title} · Entrepot`}</title>
        <link rel="icon" href={pathOf("icon.svg")} type="image/svg+xml" />
        <link rel="stylesheet" href={pathOf("console.css")} />
        <script src={pathOf("console.js")} defer></script>
      </head>
      <body>{children}</body>
    </html>
  );
}
