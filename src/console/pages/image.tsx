// Image page: facts, retention, contents, tag history and referrers of one image.

import type { ImageDetailAnswer } from "../../api/images.ts";
import { shell } from "../../setup/quote.ts";
import type { Api } from "../parts/api.ts";
import { ImageTree } from "../parts/image-tree.tsx";
import { ManifestVerdicts, verdictsOf } from "../parts/image-verdicts.tsx";
import {
  ActionLink,
  Card,
  CopyBlock,
  Digest,
  imagePath,
  LastPull,
  Size,
  Time,
} from "../parts/parts.tsx";
import type { PageVisit, Sections, View } from "../parts/visit.ts";
import { count } from "../parts/words.ts";

export function addImage({ page }: Sections): void {
  page("/image", imagePage);
}

async function imagePage({ api, query, now, person, url }: PageVisit): Promise<View> {
  const reference = query.get("reference") ?? "";
  const image = await detailOf(api, reference);
  const verdicts = await verdictsOf(api, image);
  const own = image.pins.find(({ reference: pinned }) => isOf(pinned, image));
  const mayChange = person.role === "admin";
  const encoded = encodeURIComponent(image.name);
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
            <dt>Media type</dt>
            <dd>{image.mediaType}</dd>
            <dt>Size</dt>
            <dd>
              <Size value={image.size} />{" "}
              <span class="hint">cached content, shared layers counted once</span>
            </dd>
            <dt>Cached</dt>
            <dd>
              <Time at={image.cachedAt} now={now} />
            </dd>
            <dt>Last pulled</dt>
            <dd>
              <LastPull image={image} now={now} />
            </dd>
            <dt>Pulls, last 90 days</dt>
            <dd>
              <Pulls image={image} />
            </dd>
            <dt>Retention</dt>
            <dd>
              <Retention image={image} />
            </dd>
          </dl>
          <p class="buttons">
            <ActionLink may={mayChange && isTag} href={`/image/refresh?reference=${encoded}`}>
              Refresh
            </ActionLink>
            <ActionLink may={mayChange && !own} href={`/image/pin?reference=${encoded}`}>
              Pin
            </ActionLink>
            <ActionLink
              may={mayChange && own !== undefined}
              href={`/image/unpin?reference=${encoded}`}
            >
              Unpin
            </ActionLink>
            <a class="button quiet" href={`/explain?reference=${encoded}`}>
              Explain
            </a>
            <ActionLink may={mayChange} href={`/allowances/add?digest=${image.digest}`}>
              Allow
            </ActionLink>
            <ActionLink
              may={mayChange}
              href={`/quarantine/add?digest=${image.digest}`}
              kind="danger"
            >
              Quarantine
            </ActionLink>
            <ActionLink may={mayChange} href={`/image/delete?reference=${encoded}`} kind="danger">
              Delete
            </ActionLink>
          </p>
          <CopyBlock
            label="Pull command"
            text={`docker pull ${shell(`${url.host}/${image.name}`)}`}
          />
        </Card>
        <Card title="Contents">
          <ImageTree image={image} now={now} />
        </Card>
        <Card title="Vulnerabilities">
          <ManifestVerdicts verdicts={verdicts} />
        </Card>
        <div class="columns">
          <Card title="Tags">
            <TagHistory image={image} now={now} />
          </Card>
          <Card title="Referrers">
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

function Pulls({ image: { pulls, pullsByTag, repository } }: { image: ImageDetailAnswer }) {
  const named = pullsByTag.map(
    (one) => `${count(one.pulls)} by ${one.tag ? `tag ${one.tag}` : "digest"}`,
  );
  const unassigned =
    repository.unassigned > 0
      ? `, ${count(repository.unassigned)} of them from before pulls were counted per image`
      : "";
  return (
    <>
      {count(pulls)}{" "}
      <span class="hint">
        ({named.length > 0 && `${named.join(", ")}; `}
        {count(repository.pulls)} in the whole repository{unassigned})
      </span>
    </>
  );
}

function Retention({ image }: { image: ImageDetailAnswer }) {
  if (image.expiring !== undefined)
    return <span class="badge careful">expires after the grace period: {image.expiring}</span>;
  if (image.pins.some(({ reference }) => isOf(reference, image)))
    return <span class="badge good">pinned: never expires</span>;
  return (
    <>
      by the <a href="/lifecycle">lifecycle policies</a>
    </>
  );
}

function TagHistory({ image, now }: { image: ImageDetailAnswer; now: number }) {
  const repository = image.name.split("@")[0]?.replace(/:[^:/]+$/, "");
  if (image.tags.length + image.history.length === 0)
    return (
      <p class="hint">
        No tag points to this image. It is pulled by digest, or as part of an index.
      </p>
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
            points here
          </p>
        </li>
      ))}
      {image.history.map(({ tag, digest, until }) => (
        <li>
          <Time at={until} now={now} />
          <p>
            <span class="tag">{tag}</span> pointed to <Digest digest={digest} /> until then
          </p>
        </li>
      ))}
    </ul>
  );
}

function Referrers({ image }: { image: ImageDetailAnswer }) {
  if (image.referrers.length === 0)
    return (
      <p class="hint">
        No signature, SBOM or attestation of this image has been pulled through this cache.
      </p>
    );
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
