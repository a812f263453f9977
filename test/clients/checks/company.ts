// crane, oras and regctl: optional company, checked where they are found on PATH.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { isInstalled, run } from "../command.ts";
import { expectEqual } from "../expect.ts";
import { BUSYBOX, INDEX, TAG_COUNT, TAGGED } from "../images.ts";
import { verifyLayout } from "../landed.ts";
import type { Report } from "../report.ts";
import type { Stage } from "../stage.ts";
import { manifestAt } from "../upstream.ts";

export async function checkCompany(stage: Stage, report: Report): Promise<void> {
  const { open, entrepot, folder, images } = stage;
  const name = ({ repository, tag }: typeof INDEX) => `${entrepot.address}/up/${repository}:${tag}`;
  const expected = (await manifestAt(`${open.address}/${INDEX.repository}`, INDEX.tag)).digest;
  /** Their configurations are their own: no account of this machine's is used. */
  const home = join(folder, "company");
  await mkdir(home);
  const env = { HOME: home, DOCKER_CONFIG: home };
  const client = async (command: string, what: string, act: () => Promise<void>) => {
    if (isInstalled(command)) await report.check(`${command} ${what}`, act);
    else report.skip(`${command} ${what}`, `${command} is not on PATH`);
  };
  const said = async (command: string, ...args: string[]) =>
    (await run(command, args, { env })).stdout.toString().trim();

  await client("crane", "digest and pull", async () => {
    expectEqual("digest", await said("crane", "digest", "--insecure", name(INDEX)), expected);
    const layout = join(folder, "crane");
    await said("crane", "pull", "--insecure", "--format=oci", name(INDEX), layout);
    await verifyLayout(layout, expected);
  });

  await client("oras", "copy", async () => {
    const layout = join(folder, "oras");
    await said("oras", "copy", "--from-plain-http", "--to-oci-layout", name(INDEX), `${layout}:1`);
    await verifyLayout(layout, expected);
  });

  await client("oras", "discover", async () => {
    const found = await said("oras", "discover", "--plain-http", "--format=json", name(BUSYBOX));
    expectEqual("the artifact is found", found.includes(images.artifact.digest), true);
  });

  await client("regctl", "image digest and artifact list", async () => {
    await said("regctl", "registry", "set", "--tls=disabled", "--skip-check", entrepot.address);
    expectEqual("digest", await said("regctl", "image", "digest", name(INDEX)), expected);
    const found = await said("regctl", "artifact", "list", name(BUSYBOX), "--format={{json .}}");
    expectEqual("the artifact is found", found.includes(images.artifact.digest), true);
  });

  await client("regctl", "image copy, with its referrers", async () => {
    const layout = join(folder, "regctl");
    await said("regctl", "image", "copy", "--referrers", name(BUSYBOX), `ocidir://${layout}:1`);
    const busybox = await manifestAt(`${open.address}/${BUSYBOX.repository}`, BUSYBOX.tag);
    await verifyLayout(layout, busybox.digest);
    await verifyLayout(layout, images.artifact.digest, "referrer");
  });

  // Each has its own page size, and follows Link.
  const tagged = `${entrepot.address}/paged/${TAGGED.repository}`;
  for (const [command, ...args] of [
    ["crane", "ls", "--insecure", tagged],
    ["oras", "repo", "tags", "--plain-http", tagged],
    ["regctl", "tag", "ls", tagged],
  ] as const) {
    await client(command, "lists the tags", async () => {
      const tags = (await said(command, ...args)).split("\n").sort();
      expectEqual("tags", tags.length, TAG_COUNT);
      expectEqual("the last", tags.at(-1), `v${TAG_COUNT}`);
    });
  }
}
