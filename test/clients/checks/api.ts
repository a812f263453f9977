// The registry API as a client's own HTTP sees it: HEAD, conditional requests, tags and referrers.

import { expectEqual } from "../expect.ts";
import { ARTIFACT_TYPE, BIG, BUSYBOX, INDEX, SCHEMA2, TAG_COUNT, TAGGED } from "../images.ts";
import type { Report } from "../report.ts";
import type { Stage } from "../stage.ts";
import { ACCEPT, manifestAt, urlOf } from "../upstream.ts";

interface Referrers {
  manifests: { digest: string; artifactType?: string }[];
}

export async function checkApi(stage: Stage, report: Report): Promise<void> {
  const { open, entrepot, images } = stage;
  const here = `${entrepot.address}/up`;
  const compared = ["content-length", "content-type", "docker-content-digest"];

  for (const { repository, tag } of [BUSYBOX, INDEX, SCHEMA2]) {
    await report.check(`HEAD of ${repository}:${tag}, by tag and digest`, async () => {
      const { digest } = await manifestAt(`${open.address}/${repository}`, tag);
      for (const reference of [tag, digest]) {
        const init = { method: "HEAD", headers: { Accept: ACCEPT } };
        const upstream = await fetch(
          urlOf(`${open.address}/${repository}`, "manifests", reference),
          init,
        );
        const ours = await fetch(urlOf(`${here}/${repository}`, "manifests", reference), init);
        expectEqual("status", ours.status, 200);
        for (const name of compared) {
          expectEqual(
            `${name} of ${reference}`,
            ours.headers.get(name),
            upstream.headers.get(name),
          );
        }
        expectEqual("Docker-Content-Digest", ours.headers.get("docker-content-digest"), digest);
      }
    });
  }

  await report.check("HEAD of a blob", async () => {
    for (const { digest, size } of images.big) {
      const ours = await fetch(urlOf(`${here}/${BIG.repository}`, "blobs", digest), {
        method: "HEAD",
      });
      expectEqual("status", ours.status, 200);
      expectEqual("Content-Length", ours.headers.get("content-length"), String(size));
      expectEqual("Docker-Content-Digest", ours.headers.get("docker-content-digest"), digest);
    }
  });

  await report.check("If-None-Match gives 304", async () => {
    const { repository, tag } = BUSYBOX;
    const url = urlOf(`${here}/${repository}`, "manifests", tag);
    const first = await fetch(url, { headers: { Accept: ACCEPT } });
    await first.body?.cancel();
    const etag = first.headers.get("etag") ?? "none";
    for (const [condition, status] of [
      [etag, 304],
      [`"other", ${etag}`, 304],
      ['"other"', 200],
    ] as const) {
      const again = await fetch(url, { headers: { Accept: ACCEPT, "If-None-Match": condition } });
      await again.body?.cancel();
      expectEqual(`status for ${condition}`, again.status, status);
    }
  });

  await report.check("what is missing is 404, with the code of the specification", async () => {
    for (const [endpoint, reference, code] of [
      ["manifests", "missing", "MANIFEST_UNKNOWN"],
      ["manifests", `sha256:${"0".repeat(64)}`, "MANIFEST_UNKNOWN"],
      ["blobs", `sha256:${"0".repeat(64)}`, "BLOB_UNKNOWN"],
    ] as const) {
      const answer = await fetch(urlOf(`${here}/${BUSYBOX.repository}`, endpoint, reference));
      const said = (await answer.json()) as { errors: { code: string }[] };
      expectEqual(`status of ${endpoint}/${reference}`, answer.status, 404);
      expectEqual("code", said.errors[0]?.code, code);
    }
  });

  await report.check("tags/list, followed to its end, is the upstream's", async () => {
    const theirs = await tagsAt(`${open.address}/${TAGGED.repository}`);
    expectEqual("number of tags", theirs.tags.length, TAG_COUNT);
    for (const prefix of ["up", "paged"]) {
      const ours = await tagsAt(`${entrepot.address}/${prefix}/${TAGGED.repository}`);
      // docker-registry 2.8 neither sorts nor pages; the specification asks for both.
      expectEqual("tags", ours.tags.join(), theirs.tags.toSorted().join());
      expectEqual("pages of ten", ours.pages, Math.ceil(TAG_COUNT / 10));
    }
  });

  await report.check("referrers, and its filter", async () => {
    const subject = (await manifestAt(`${open.address}/${BUSYBOX.repository}`, BUSYBOX.tag)).digest;
    const url = urlOf(`${here}/${BUSYBOX.repository}`, "referrers", subject);
    for (const [query, expected, filtered] of [
      ["", images.artifact.digest, null],
      [
        `?artifactType=${encodeURIComponent(ARTIFACT_TYPE)}`,
        images.artifact.digest,
        "artifactType",
      ],
      ["?artifactType=application%2Fvnd.other", "", "artifactType"],
    ] as const) {
      const answer = await fetch(url + query);
      const { manifests } = (await answer.json()) as Referrers;
      expectEqual(`referrers${query}`, manifests.map(({ digest }) => digest).join(), expected);
      expectEqual("OCI-Filters-Applied", answer.headers.get("oci-filters-applied"), filtered);
    }
  });
}

/** Pages of ten. */
async function tagsAt(place: string): Promise<{ tags: string[]; pages: number }> {
  const tags: string[] = [];
  let pages = 0;
  let next: string | undefined = urlOf(place, "tags", "list?n=10");
  while (next && pages < 100) {
    const answer: Response = await fetch(next);
    expectEqual(`status of ${next}`, answer.status, 200);
    tags.push(...((await answer.json()) as { tags: string[] }).tags);
    pages++;
    const link = /<([^>]*)>; *rel="?next"?/.exec(answer.headers.get("link") ?? "")?.[1];
    next = link === undefined ? undefined : new URL(link, next).href;
  }
  return { tags, pages };
}
