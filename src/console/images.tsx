// The images that are cached: looked through, and one of them as the tree that it is.

import type { ImageAnswer, ImageDetailAnswer } from "../http/api-image-list.ts";
import type { RuleAnswer } from "../http/api-rules.ts";
import { type Api, withQuery } from "./api.ts";
import { ImageTree } from "./image-tree.tsx";
import {
  ActionLink,
  Card,
  Copied,
  Digest,
  Empty,
  imagePath,
  Scroll,
  Size,
  Time,
} from "./parts.tsx";
import type { Sections, View, Visit } from "./visit.ts";
import { bytes, count } from "./words.ts";

const PAGE = 50;
const SORTS = [
  ["pulled", "pulled last"],
  ["cached", "cached last"],
  ["pulls", "pulled most"],
  ["size", "largest"],
  ["name", "by name"],
] as const;

export function addImages({ page }: Sections): void {
  page("/images", imagesPage);
  page("/image", imagePage);
}

async function imagesPage({ api, query, now }: Visit): Promise<View> {
  const asked = Object.fromEntries(
    ["q", "rule", "sort", "cursor"].map((name) => [name, query.get(name) ?? undefined]),
  );
  const [{ images, next }, { rules }] = await Promise.all([
    api.get<{ images: ImageAnswer[]; next?: string }>("/images", { ...asked, n: PAGE }),
    api.get<{ rules: RuleAnswer[] }>("/rules"),
  ]);
  const { cursor, ...search } = asked;
  const isFiltered = Boolean(asked.q || asked.rule);
  return {
    title: "Images",
    section: "/images",
    body: (
      <>
        <search>
          <form method="get" action="/images" class="search">
            <label class="grow">
              Search
              <input
                type="search"
                name="q"
                value={asked.q ?? ""}
                placeholder="a part of a name or a tag, or a digest"
                data-search
                spellcheck={false}
                autocapitalize="off"
              />
            </label>
            <label>
              Rule
              <select name="rule">
                <option value="">all</option>
                {rules.map(({ name }) => (
                  <option value={name} selected={name === asked.rule}>
                    {name}
                  </option>
                ))}
              </select>
            </label>
            <label>
              Order
              <select name="sort">
                {SORTS.map(([sort, name]) => (
                  <option value={sort} selected={sort === (asked.sort ?? "pulled")}>
                    {name}
                  </option>
                ))}
              </select>
            </label>
            <button type="submit">Look</button>
          </form>
        </search>
        {images.length === 0 ? (
          <NoImages isFiltered={isFiltered} isEnd={cursor !== undefined} />
        ) : (
          <ImageTable images={images} now={now} />
        )}
        {next !== undefined && (
          <p>
            <a class="button" rel="next" href={withQuery("/images", { ...search, cursor: next })}>
              The next {PAGE}
            </a>
          </p>
        )}
      </>
    ),
  };
}

function NoImages({ isFiltered, isEnd }: { isFiltered: boolean; isEnd: boolean }) {
  if (isEnd) return <p>These were all.</p>;
  if (isFiltered)
    return (
      <Empty title="No image like that is cached">
        <p>
          Search for a part of a name (<code>alpine</code>), a name and a tag (<code>alpine:3</code>
          ), or the beginning of a digest. <a href="/explain">Explain</a> says why an image that you
          expect is not here.
        </p>
      </Empty>
    );
  return (
    <Empty title="No image is cached yet">
      <p>
        Every image that is pulled through here is kept, and listed.{" "}
        <a href="/setup">Set up a client</a>, or <a href="/prewarm/new">prewarm</a> what you know
        will be pulled.
      </p>
    </Empty>
  );
}

function ImageTable({ images, now }: { images: readonly ImageAnswer[]; now: number }) {
  const largest = Math.max(1, ...images.map(({ size }) => size));
  return (
    <Scroll label="Images">
      <table class="images">
        <thead>
          <tr>
            <th scope="col">Image</th>
            <th scope="col">Tags</th>
            <th scope="col">Platforms</th>
            <th scope="col" class="number">
              Size
            </th>
            <th scope="col">Pulled</th>
            <th scope="col" class="number" title="of its repository, in 90 days">
              Pulls
            </th>
          </tr>
        </thead>
        <tbody>
          {images.map((image) => (
            <ImageRow image={image} largest={largest} now={now} />
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function ImageRow({ image, largest, now }: { image: ImageAnswer; largest: number; now: number }) {
  const { name, digest, tags, platforms, size, pulledAt, pulls, pinned, expiring } = image;
  const [tag] = tags;
  const reference = tag === undefined ? `${name}@${digest}` : `${name}:${tag}`;
  return (
    <tr>
      <th scope="row">
        {name === undefined ? (
          <span title="no rule leads there any more">{image.place}</span>
        ) : (
          <a href={imagePath(reference)}>{name}</a>
        )}
        <br />
        <Digest digest={digest} />
      </th>
      <td>
        {tags.slice(0, 6).map((one) => (
          <a class="tag" href={imagePath(`${name}:${one}`)}>
            {one}
          </a>
        ))}
        {tags.length > 6 && <span class="hint">and {count(tags.length - 6)} more</span>}
        {pinned && <span class="badge good">pinned</span>}
        {expiring !== undefined && (
          <span class="badge careful" title={expiring}>
            expires
          </span>
        )}
      </td>
      <td class="hint">{platforms.join(", ")}</td>
      <td class="number sized">
        {bytes(size)}
        <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
          <rect class="fill series-0" width={(100 * size) / largest} height="4" />
        </svg>
      </td>
      <td>
        <Time at={pulledAt} now={now} />
      </td>
      <td class="number">{count(pulls)}</td>
    </tr>
  );
}

async function imagePage({ api, query, now, person, url }: Visit): Promise<View> {
  const reference = query.get("reference") ?? "";
  const image = await detailOf(api, reference);
  const own = image.pins.find(({ reference: pinned }) => isOf(pinned, image));
  const mayChange = person.role === "admin";
  const asked = encodeURIComponent(image.name);
  const isTag = !image.name.includes("@");
  return {
    title: image.name,
    section: "/images",
    body: (
      <>
        <Card>
          <dl class="facts">
            <dt>Digest</dt>
            <dd>
              <code class="whole">{image.digest}</code>
            </dd>
            <dt>Kind</dt>
            <dd>{image.mediaType}</dd>
            <dt>Size</dt>
            <dd>
              <Size value={image.size} />{" "}
              <span class="hint">what is here, shared layers counted once</span>
            </dd>
            <dt>Cached</dt>
            <dd>
              <Time at={image.cachedAt} now={now} />
            </dd>
            {image.pulledAt !== undefined && (
              <>
                <dt>Pulled last</dt>
                <dd>
                  <Time at={image.pulledAt} now={now} />
                </dd>
              </>
            )}
            <dt>Stays</dt>
            <dd>
              <Staying image={image} />
            </dd>
          </dl>
          <p class="buttons">
            <ActionLink may={mayChange && isTag} href={`/image/refresh?reference=${asked}`}>
              Refresh
            </ActionLink>
            <ActionLink may={mayChange && !own} href={`/image/pin?reference=${asked}`}>
              Pin
            </ActionLink>
            <ActionLink
              may={mayChange && own !== undefined}
              href={`/image/unpin?reference=${asked}`}
            >
              Take the pin back
            </ActionLink>
            <a class="button quiet" href={`/explain?reference=${asked}`}>
              Explain
            </a>
            <ActionLink may={mayChange} href={`/quarantine/add?digest=${image.digest}`} danger>
              Quarantine
            </ActionLink>
            <ActionLink may={mayChange} href={`/image/delete?reference=${asked}`} danger>
              Delete
            </ActionLink>
          </p>
          <Copied label="How to pull it" text={`docker pull ${url.host}/${image.name}`} />
        </Card>
        <Card title="What it consists of">
          <ImageTree image={image} now={now} />
        </Card>
        <div class="columns">
          <Card title="Tags">
            <TagHistory image={image} now={now} />
          </Card>
          <Card title="What refers to it">
            <Referrers image={image} />
          </Card>
        </div>
      </>
    ),
  };
}

export function detailOf(api: Api, reference: string): Promise<ImageDetailAnswer> {
  return api.get("/images/detail", { reference });
}

function isOf(pinned: string, { name, digest }: ImageDetailAnswer): boolean {
  return name.includes("@") ? pinned === digest : name.endsWith(`:${pinned}`);
}

function Staying({ image }: { image: ImageDetailAnswer }) {
  if (image.expiring !== undefined)
    return <span class="badge careful">until its grace has passed: {image.expiring}</span>;
  if (image.pins.some(({ reference }) => isOf(reference, image)))
    return <span class="badge good">for good: it is pinned</span>;
  return (
    <>
      as long as the <a href="/lifecycle">lifecycle</a> has it
    </>
  );
}

function TagHistory({ image, now }: { image: ImageDetailAnswer; now: number }) {
  const repository = image.name.split("@")[0]?.replace(/:[^:/]+$/, "");
  if (image.tags.length + image.history.length === 0)
    return (
      <p class="hint">No tag leads to it: it is pulled by its digest, or as a part of an index.</p>
    );
  return (
    <ul class="events">
      {image.tags.map(({ tag, since }) => (
        <li>
          <Time at={since} now={now} />
          <p>
            <a class="tag" href={imagePath(`${repository}:${tag}`)}>
              {tag}
            </a>{" "}
            means it
          </p>
        </li>
      ))}
      {image.history.map(({ tag, digest, until }) => (
        <li>
          <Time at={until} now={now} />
          <p>
            <span class="tag">{tag}</span> meant <Digest digest={digest} /> until then
          </p>
        </li>
      ))}
    </ul>
  );
}

function Referrers({ image }: { image: ImageDetailAnswer }) {
  if (image.referrers.length === 0)
    return <p class="hint">No signature, SBOM or attestation of it was pulled through here.</p>;
  return (
    <ul>
      {image.referrers.map(({ digest, artifactType, size }) => (
        <li>
          <Digest digest={digest} /> {artifactType} <Size value={size} />
        </li>
      ))}
    </ul>
  );
}
