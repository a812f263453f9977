// skopeo: inspects, and copies whole images, which are hashed where they have landed.

import { join } from "node:path";
import { run } from "../command.ts";
import { expectEqual, expectSilence } from "../expect.ts";
import { BIG, BUSYBOX, type Image, INDEX, SCHEMA2 } from "../images.ts";
import { verifyDir, verifyLayout } from "../landed.ts";
import { digestOf } from "../layers.ts";
import type { Report } from "../report.ts";
import type { Stage } from "../stage.ts";
import { manifestAt } from "../upstream.ts";

export async function checkSkopeo(stage: Stage, report: Report): Promise<void> {
  const { open, entrepot, images, folder } = stage;
  const here = ({ repository, tag }: Image) =>
    `docker://${entrepot.address}/up/${repository}:${tag}`;
  const expected = async ({ repository, tag }: Image) =>
    (await manifestAt(`${open.address}/${repository}`, tag)).digest;

  await report.check("skopeo inspect", async () => {
    const { stdout } = await run("skopeo", ["inspect", "--tls-verify=false", here(BUSYBOX)]);
    expectEqual("digest", JSON.parse(stdout.toString()).Digest, await expected(BUSYBOX));
  });

  await report.check("skopeo inspect --raw of an index", async () => {
    const { stdout } = await run("skopeo", ["inspect", "--raw", "--tls-verify=false", here(INDEX)]);
    expectEqual("digest of the bytes", digestOf(stdout), await expected(INDEX));
  });

  await report.check("skopeo copy --all of an index, into an OCI layout", async () => {
    const layout = join(folder, "skopeo-index");
    await copy(here(INDEX), `oci:${layout}:1`, "--all");
    await verifyLayout(layout, await expected(INDEX));
  });

  await report.check("skopeo copy of a Docker schema 2 image", async () => {
    const dir = join(folder, "skopeo-schema2");
    await copy(here(SCHEMA2), `dir:${dir}`);
    await verifyDir(dir, await expected(SCHEMA2));
  });

  await report.check("skopeo copy of an artifact, by digest", async () => {
    const dir = join(folder, "skopeo-artifact");
    const name = `${BUSYBOX.repository}@${images.artifact.digest}`;
    await copy(`docker://${entrepot.address}/up/${name}`, `dir:${dir}`);
    await verifyDir(dir, images.artifact.digest);
  });

  await report.check("skopeo copy of layers of 1 KB, 10 MB and 300 MB", async () => {
    const dir = join(folder, "skopeo-big");
    await copy(here(BIG), `dir:${dir}`);
    await verifyDir(dir, await expected(BIG));
  });

  // Its layers are another repository's too: each is confirmed for this one by one HEAD, which is not asked again.
  await report.check("skopeo copy of an image whose layers another repository has", async () => {
    const dir = join(folder, "skopeo-busybox");
    await copy(here(BUSYBOX), `dir:${dir}`);
    await verifyDir(dir, await expected(BUSYBOX));
  });

  await report.check("skopeo copy, a second time, asks the upstream for nothing", async () => {
    const again = await open.log.during(async () => {
      for (const image of [BUSYBOX, INDEX, SCHEMA2, BIG]) {
        await copy(
          here(image),
          `dir:${join(folder, `skopeo-again-${image.repository.replace("/", "-")}`)}`,
        );
      }
    });
    expectSilence(again);
  });
}

async function copy(from: string, to: string, ...options: string[]): Promise<void> {
  const insecure = from.startsWith("docker:") ? ["--src-tls-verify=false"] : [];
  await run("skopeo", ["copy", "--quiet", "--preserve-digests", ...insecure, ...options, from, to]);
}
