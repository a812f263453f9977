// Markdown renderer: renders the guide's Markdown with JSX, which escapes every text. Raw HTML in a page is shown as text.

import type { Child } from "hono/jsx";
import type { MarkedToken, Token, Tokens } from "marked";
import { CopyBlock } from "./parts.tsx";
import { Scroll } from "./table.tsx";

export interface Markdown {
  /** Text of the first heading. */
  title: string;
  body: Child;
  /** The second-level headings, for a table of contents. */
  sections: { id: string; title: string }[];
}

/** Rewrites a page's texts and links. */
export interface Rewriting {
  /** Applied to each text, code span and code block. It cannot change the page's structure. */
  text(text: string): string;
  /** @param href as written in the page */
  link(href: string): string;
}

/** Imports the parser on first use, which keeps it out of the Worker's start. */
export async function rendered(source: string, rewriting: Rewriting): Promise<Markdown> {
  const { lexer, walkTokens } = await import("marked");
  const [first, ...rest] = lexer(source);
  const title = first?.type === "heading" ? plainText(first) : "";
  const names = new Map<Token, string>();
  const idOf = anchors();
  let above = title;
  let count = 0;
  walkTokens(rest, (token) => {
    if (token.type === "heading") {
      above = plainText(token);
      names.set(token, idOf(above));
    } else if (token.type === "code" || token.type === "table") {
      count += 1;
      names.set(token, `${above}, ${token.type} ${count}`);
    }
  });
  const sections = [...names].flatMap(([token, id]) =>
    token.type === "heading" && token.depth === 2 ? [{ id, title: plainText(token) }] : [],
  );
  return { title, body: <Blocks tokens={rest} names={names} rewriting={rewriting} />, sections };
}

/** Makes anchors of headings as GitHub does, so that links work in both places. */
export function anchors(): (title: string) => string {
  const counts = new Map<string, number>();
  return (title) => {
    const slug = title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, "")
      .replaceAll(" ", "-");
    const count = counts.get(slug) ?? 0;
    counts.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  };
}

/** Text of a heading without its markup. */
export function plainText(token: Token): string {
  const within = "tokens" in token ? token.tokens : undefined;
  if (within) return within.map(plainText).join("");
  return "text" in token ? token.text : token.raw;
}

interface Shown {
  tokens: readonly Token[];
  /** Anchor of each heading, and label of each code block and table, by which screen readers tell them apart. */
  names: ReadonlyMap<Token, string>;
  rewriting: Rewriting;
}

function Blocks({ tokens, names, rewriting }: Shown) {
  return (
    <>
      {tokens.map((token) => (
        <Block token={token as MarkedToken} names={names} rewriting={rewriting} />
      ))}
    </>
  );
}

type Of<T> = { token: T; name?: string; rewriting: Rewriting };

function Block({
  token,
  names,
  rewriting,
}: {
  token: MarkedToken;
} & Omit<Shown, "tokens">) {
  const name = names.get(token) ?? "";
  switch (token.type) {
    case "space":
      return null;
    case "heading":
      return <Heading token={token} name={name} rewriting={rewriting} />;
    case "paragraph":
      return (
        <p>
          <Inline tokens={token.tokens} rewriting={rewriting} />
        </p>
      );
    case "code":
      return <CopyBlock label={name} text={rewriting.text(token.text)} />;
    case "list":
      return <List token={token} names={names} rewriting={rewriting} />;
    case "table":
      return <Table token={token} name={name} rewriting={rewriting} />;
    case "blockquote":
      return (
        <blockquote>
          <Blocks tokens={token.tokens} names={names} rewriting={rewriting} />
        </blockquote>
      );
    case "html":
      return /^<!--.*-->\s*$/s.test(token.text) ? null : <p>{token.text}</p>;
    default:
      return <Inline tokens={[token]} rewriting={rewriting} />;
  }
}

function Heading({ token, name, rewriting }: Of<Tokens.Heading>) {
  const Level = `h${token.depth}` as "h2";
  return (
    <Level id={name}>
      <Inline tokens={token.tokens} rewriting={rewriting} />{" "}
      <a class="anchor" href={`#${name}`} aria-label={`Link to ${plainText(token)}`}>
        #
      </a>
    </Level>
  );
}

function List({ token, names, rewriting }: Of<Tokens.List> & Pick<Shown, "names">) {
  const items = token.items.map(({ tokens }) => (
    <li>
      <Blocks tokens={tokens} names={names} rewriting={rewriting} />
    </li>
  ));
  return token.ordered ? <ol>{items}</ol> : <ul>{items}</ul>;
}

function Table({ token, name = "", rewriting }: Of<Tokens.Table>) {
  return (
    <Scroll label={name}>
      <table>
        {token.header.some(({ text }) => text !== "") && (
          <thead>
            <tr>
              {token.header.map(({ text, tokens }) =>
                text === "" ? (
                  <td />
                ) : (
                  <th scope="col">
                    <Inline tokens={tokens} rewriting={rewriting} />
                  </th>
                ),
              )}
            </tr>
          </thead>
        )}
        <tbody>
          {token.rows.map((cells) => (
            <tr>
              {cells.map(({ tokens }) => (
                <td>
                  <Inline tokens={tokens} rewriting={rewriting} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Inline({ tokens, rewriting }: Omit<Shown, "names">) {
  return <>{tokens.map((token) => inline(token as MarkedToken, rewriting))}</>;
}

function inline(token: MarkedToken, rewriting: Rewriting): Child {
  switch (token.type) {
    case "codespan":
      return <code>{rewriting.text(token.text)}</code>;
    case "strong":
      return (
        <strong>
          <Inline tokens={token.tokens} rewriting={rewriting} />
        </strong>
      );
    case "em":
      return (
        <em>
          <Inline tokens={token.tokens} rewriting={rewriting} />
        </em>
      );
    case "link":
      return (
        <a href={rewriting.link(token.href)}>
          <Inline tokens={token.tokens} rewriting={rewriting} />
        </a>
      );
    case "br":
      return <br />;
    case "text":
      if (token.tokens) return <Inline tokens={token.tokens} rewriting={rewriting} />;
      return rewriting.text(token.text);
    default:
      return "text" in token ? rewriting.text(token.text) : token.raw;
  }
}
