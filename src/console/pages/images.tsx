// Images page: search in the cached images.

import type { ImageAnswer, ImagesAnswer } from "../../api/images.ts";
import type { RulesAnswer } from "../../api/rules.ts";
import { withQuery } from "../parts/api.ts";
import { Bar, Digest, Empty, imagePath, LastPull } from "../parts/parts.tsx";
import { Scroll } from "../parts/table.tsx";
import type { PageVisit, Sections, View } from "../parts/visit.ts";
import { bytes, count } from "../parts/words.ts";

const PAGE = 50;
const SORTS = [
  ["pulled", "last pulled"],
  ["cached", "last cached"],
  ["pulls", "most pulled"],
  ["size", "size"],
  ["name", "name"],
] as const;

export function addImages({ page }: Sections): void {
  page("/images", imagesPage);
}

async function imagesPage({ api, query, now }: PageVisit): Promise<View> {
  const given = Object.fromEntries(
    ["q", "rule", "sort", "cursor"].map((name) => [name, query.get(name) ?? undefined]),
  );
  const [{ images, next }, { rules }] = await Promise.all([
    api.get<ImagesAnswer>("/images", { ...given, n: PAGE }),
    api.get<RulesAnswer>("/rules"),
  ]);
  const { cursor, ...search } = given;
  const isFiltered = Boolean(given.q || given.rule);
  return {
    title: "Images",
    section: "/images",
    body: (
      <>
        <search>
          <form method="get" action="/images" class="search">
            <label class="grow">
              Name, tag or digest
              <input
                type="search"
                name="q"
                value={given.q ?? ""}
                placeholder="alpine, alpine:3 or sha256:…"
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
                  <option value={name} selected={name === given.rule}>
                    {name}
                  </option>
                ))}
              </select>
            </label>
            <label>
              Sort by{" "}
              <select name="sort">
                {SORTS.map(([sort, name]) => (
                  <option value={sort} selected={sort === (given.sort ?? "pulled")}>
                    {name}
                  </option>
                ))}
              </select>
            </label>
            <button type="submit">Search</button>
          </form>
        </search>
        <p>
          <a href="/vulnerabilities">Vulnerabilities</a> that scanners found in these images
        </p>
        <p class="hint">
          <a href="/held">Held tags</a>: a rule's minimum age keeps them at an older digest.
        </p>
        {images.length === 0 ? (
          <NoImages isFiltered={isFiltered} isEnd={cursor !== undefined} />
        ) : (
          <ImageTable images={images} now={now} />
        )}
        <p class="hint">
          Decisions about single digests: <a href="/quarantine">quarantine</a>,{" "}
          <a href="/allowances">allowances</a>.
        </p>
        {next !== undefined && (
          <p>
            <a class="button" rel="next" href={withQuery("/images", { ...search, cursor: next })}>
              Next {PAGE}
            </a>
          </p>
        )}
      </>
    ),
  };
}

function NoImages({ isFiltered, isEnd }: { isFiltered: boolean; isEnd: boolean }) {
  if (isEnd) return <p>No more images.</p>;
  if (isFiltered)
    return (
      <Empty title="No matching images">
        <p>
          Search for part of a name (<code>alpine</code>), a name and a tag (<code>alpine:3</code>
          ), or the beginning of a digest. <a href="/explain">Explain</a> shows what a pull of an
          image would do.
        </p>
      </Empty>
    );
  return (
    <Empty title="No images cached yet">
      <p>
        Images that are pulled through this cache are listed here.{" "}
        <a href="/setup">Set up a client</a>, or <a href="/prewarm/new">prewarm images</a> before
        they are pulled.
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
            <th scope="col">Last pulled</th>
            <th scope="col" class="number" title="of this image, in the last 90 days">
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
  const { name, digest, tags, platforms, size, pulls, repository, pinned, expiring } = image;
  const [tag] = tags;
  const reference = tag === undefined ? `${name}@${digest}` : `${name}:${tag}`;
  return (
    <tr>
      <th scope="row">
        {name === undefined ? (
          <span title="no rule serves this repository any more">{image.place}</span>
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
            expiring
          </span>
        )}
      </td>
      <td class="hint">{platforms.join(", ")}</td>
      <td class="number sized">
        {bytes(size)}
        <Bar part={size} whole={largest} />
      </td>
      <td>
        <LastPull image={image} now={now} />
      </td>
      <td class="number" title={`${count(repository.pulls)} in the whole repository`}>
        {count(pulls)}
      </td>
    </tr>
  );
}
