// dockerd with Entrepot in `registry-mirrors`: Docker Hub's names, without a prefix, are the default rule's.

import { join } from "node:path";
import { render } from "../access-log.ts";
import { isInstalled, run } from "../command.ts";
import { nameOf } from "../ctr.ts";
import { expectEqual, expectSilence } from "../expect.ts";
import type { Server } from "../groups.ts";
import { BUSYBOX, OFFICIAL } from "../images.ts";
import { startDockerd } from "../processes.ts";
import type { Report } from "../report.ts";
import { type Stage, UP } from "../stage.ts";
import { manifestAt } from "../upstream.ts";

export async function checkDockerd(stage: Stage, report: Report): Promise<void> {
  const { open, entrepot } = stage;
  const dockerd = await start(stage).catch((error: Error) => error.message);
  if (typeof dockerd === "string") return report.skip("docker pull through a mirror", dockerd);
  // The images differ in their names alone.
  const { digest } = await manifestAt(`${open.address}/${BUSYBOX.repository}`, BUSYBOX.tag);
  const docker = async (...args: string[]) =>
    (await run("docker", ["--host", dockerd.address, ...args])).stdout.toString();
  /** And leaves nothing there. */
  const pull = async (name: string) => {
    await docker("pull", "--quiet", name);
    const found = await docker("image", "inspect", "--format", "{{.RepoDigests}}", name);
    expectEqual(`${digest} in ${found}`, found.includes(digest), true);
    await docker("image", "rm", name);
  };
  const official = `${OFFICIAL.repository.replace("library/", "")}:${OFFICIAL.tag}`;

  await report.check("docker pull of an official image's name, through the mirror", async () => {
    const asked = await open.log.during(() => pull(official));
    const about = asked.filter(({ path }) => path.startsWith(`/v2/${OFFICIAL.repository}/`));
    if (about.length === 0 || about.some(({ agent }) => agent.startsWith("docker/")))
      throw new Error(`it was not Entrepot that asked:\n${render(asked)}`);
  });
  await report.check("docker pull of a namespace's image, through the mirror", () =>
    pull(`${BUSYBOX.repository}:${BUSYBOX.tag}`),
  );
  await report.check("docker pull by Entrepot's own name", () =>
    pull(nameOf(`${entrepot.address}/${UP.prefix}`, BUSYBOX)),
  );
  await report.check("docker pull, a second time, asks the upstream for nothing", async () => {
    expectSilence(await open.log.during(() => pull(official)));
  });
  await dockerd.kill();
}

/** Throws what a report says of a machine that cannot run it. */
async function start({ folder, ctr, entrepot }: Stage): Promise<Server> {
  for (const command of ["dockerd", "docker"]) {
    if (!isInstalled(command)) throw new Error(`${command} is not on PATH`);
  }
  return startDockerd(join(folder, "dockerd"), ctr.socket, `http://${entrepot.address}`);
}
