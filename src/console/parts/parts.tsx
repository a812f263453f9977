// Shared components: problems, cards, times, bars, forms and links.

import type { Child } from "hono/jsx";
import { ago, bytes, moment, shortDigest } from "./words.ts";

/** Error messages, one sentence each. */
export function Problems({ problems }: { problems: readonly string[] }) {
  return (
    <div class="notice bad" role="alert">
      {problems.length === 1 ? (
        <p>{problems[0]}</p>
      ) : (
        <ul>
          {problems.map((problem) => (
            <li>{problem}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** Empty state: says what would be listed, and how to add it. */
export function Empty({ title, children }: { title: string; children: Child }) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function Card({ title, more, children }: { title?: string; more?: Child; children: Child }) {
  return (
    <section class="card">
      {title !== undefined && (
        <header>
          <h2>{title}</h2>
          {more}
        </header>
      )}
      {children}
    </section>
  );
}

/** @param at ISO 8601 @param now in ms since the epoch */
export function Time({ at, now }: { at: string; now: number }) {
  return (
    <time datetime={at} title={moment(at)}>
      {ago(at, now)}
    </time>
  );
}

/** Time of the last pull of an image, if known. */
export function LastPull({
  image: { pulledAt, unknownSince },
  now,
}: {
  image: { pulledAt?: string | undefined; unknownSince?: string | undefined };
  now: number;
}) {
  if (pulledAt !== undefined) return <Time at={pulledAt} now={now} />;
  if (unknownSince === undefined) return <>never</>;
  return (
    <span title="the catalog was rebuilt then; policies count from that time">
      unknown; catalog rebuilt <Time at={unknownSince} now={now} />
    </span>
  );
}

export function Digest({ digest }: { digest: string }) {
  return (
    <code class="digest" title={digest}>
      {shortDigest(digest)}
    </code>
  );
}

/** @param value in bytes */
export function Size({ value }: { value: number }) {
  return <span class="number">{bytes(value)}</span>;
}

/** Bar of `part` in `whole`. @param kind class that sets the colour @param track draws the whole behind the bar */
export function Bar({
  part,
  whole,
  kind = "series-0",
  track = false,
  name,
}: {
  part: number;
  whole: number;
  kind?: string;
  track?: boolean;
  name?: string;
}) {
  const width = whole > 0 ? Math.min(100, (100 * part) / whole) : 0;
  return (
    <svg class={name} viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
      {track && <rect class="fill stays" width="100" height="4" />}
      <rect class={`fill ${kind}`} width={width} height="4" />
    </svg>
  );
}

export function imagePath(reference: string): string {
  return `/image?reference=${encodeURIComponent(reference)}`;
}

/** Text to copy. Its button appears only with JavaScript. */
export function CopyBlock({ text, label }: { text: string; label: string }) {
  return (
    <div class="copied">
      <section class="text" tabindex={0} aria-label={label}>
        <pre>
          <code>{text}</code>
        </pre>
      </section>
      <button type="button" class="quiet" data-copy hidden>
        Copy
      </button>
    </div>
  );
}

/** Tabs: links to pages. */
export function Tabs({
  label,
  tabs,
  current,
}: {
  label: string;
  tabs: [string, string][];
  current: string;
}) {
  return (
    <nav class="tabs" aria-label={label}>
      {tabs.map(([href, name]) => (
        <a href={href} aria-current={name === current ? "page" : undefined}>
          {name}
        </a>
      ))}
    </nav>
  );
}

export interface Form {
  /** Path that the form posts to. */
  action: string;
  button: string;
  danger?: boolean;
  /** Path of the page that dismissing the form leads to. */
  back: string;
  /** Text of the link that dismisses the form. Default: Cancel. */
  dismiss?: string;
  children: Child;
}

export function FormCard({
  action,
  button,
  danger = false,
  back,
  dismiss = "Cancel",
  children,
}: Form) {
  return (
    <form method="post" action={action} class="card stack">
      {children}
      <p class="buttons">
        <button type="submit" class={danger ? "danger" : undefined}>
          {button}
        </button>
        <a class="button quiet" href={back}>
          {dismiss}
        </a>
      </p>
    </form>
  );
}

/** Confirmation before a change.
 * @param fields sent as hidden inputs */
export function Confirm({ fields, children, ...form }: Form & { fields: Record<string, string> }) {
  return (
    <FormCard {...form}>
      {children}
      {Object.entries(fields).map(([name, value]) => (
        <input type="hidden" name={name} value={value} />
      ))}
    </FormCard>
  );
}

/** Link to a page that changes something. Not rendered for viewers. */
export function ActionLink({
  may,
  href,
  kind = "quiet",
  children,
}: {
  may: boolean;
  href: string;
  kind?: "main" | "quiet" | "danger";
  children: Child;
}) {
  return may ? (
    <a class={kind === "main" ? "button" : `button ${kind}`} href={href}>
      {children}
    </a>
  ) : null;
}
