// Event list: events of the cache and of its upstreams, in words.

import type { EventAnswer } from "../../api/statistics.ts";
import { Digest, Time } from "./parts.tsx";

const WORDS: Record<EventAnswer["what"], [mark: "good" | "careful" | "bad" | "", words: string]> = {
  "image.cached": ["good", "cached"],
  "tag.moved": ["", "tag moved"],
  "image.expired": ["", "expired"],
  "upstream.limited": ["careful", "rate limited"],
  "upstream.down": ["bad", "upstream down"],
  "upstream.up": ["good", "upstream up"],
  "verification.failed": ["bad", "verification failed"],
  "pull.denied": ["careful", "pull refused"],
  "tag.held": ["careful", "tag held"],
  "tag.released": ["", "tag released"],
  "signature.failed": ["bad", "signature failed"],
  "verdict.changed": ["", "verdict changed"],
  "allowance.added": ["careful", "allowed"],
  "allowance.removed": ["", "allowance removed"],
};

/** Words for the detail of an event, which is the media type of cached content. */
const DETAILS = new Map([
  ["application/vnd.oci.image.index.v1+json", "index"],
  ["application/vnd.docker.distribution.manifest.list.v2+json", "index"],
  ["application/vnd.oci.image.manifest.v1+json", "manifest"],
  ["application/vnd.docker.distribution.manifest.v2+json", "manifest"],
]);

export function EventList({ events, now }: { events: readonly EventAnswer[]; now: number }) {
  if (events.length === 0)
    return (
      <p class="hint">
        No events yet. Cached and expired images, moved tags and upstream failures appear here.
      </p>
    );
  return (
    <ul class="events">
      {events.map((event) => (
        <li id={`event-${event.id}`}>
          <Time at={event.at} now={now} />
          <EventText event={event} />
        </li>
      ))}
    </ul>
  );
}

function EventText({ event }: { event: EventAnswer }) {
  const [mark, words] = WORDS[event.what];
  const { place, tag, digest, upstream, detail, before } = event;
  const name = nameOf(place);
  return (
    <p>
      <span class={`badge ${mark}`}>{words}</span>{" "}
      {name !== undefined && (
        <a href={`/images?q=${encodeURIComponent(name)}`}>
          {name}
          {tag !== undefined && `:${tag}`}
        </a>
      )}{" "}
      {upstream}{" "}
      {before !== undefined && (
        <>
          from <Digest digest={before} /> to{" "}
        </>
      )}
      {digest !== undefined && <Digest digest={digest} />}{" "}
      <span class="hint">{detail && (DETAILS.get(detail) ?? detail)}</span>
    </p>
  );
}

/** Repository name of a place: the part after `//`. */
export function nameOf(place: string | undefined): string | undefined {
  if (place === undefined) return undefined;
  const at = place.lastIndexOf("//");
  return at < 0 ? place : place.slice(at + 2);
}
