// podman: pulls into a storage of its own, and runs what it has pulled.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run, type Said } from "../command.ts";
import { expectEqual, expectSilence } from "../expect.ts";
import { BUSYBOX, INDEX } from "../images.ts";
import { type Report, Skip } from "../report.ts";
import type { Stage } from "../stage.ts";
import { manifestAt } from "../upstream.ts";

export async function checkPodman(stage: Stage, report: Report): Promise<void> {
  const { open, entrepot, folder } = stage;
  const mirrored = "registry.example";
  const registries = join(folder, "registries.conf");
  await writeFile(registries, mirrorOf(mirrored, `${entrepot.address}/up`));
  /** @param storage images of one do not show in another */
  const podman = (storage: string, ...args: string[]): Promise<Said> =>
    run("podman", [...optionsFor(join(folder, storage)), ...args], {
      env: { CONTAINERS_REGISTRIES_CONF: registries },
    });
  const pull = (storage: string, image: string) =>
    podman(storage, "pull", "--quiet", "--tls-verify=false", image);
  const name = `${entrepot.address}/up/${BUSYBOX.repository}:${BUSYBOX.tag}`;
  const expected = await manifestAt(`${open.address}/${BUSYBOX.repository}`, BUSYBOX.tag);
  const digest = async (storage: string, image: string) =>
    (await podman(storage, "image", "inspect", "--format", "{{.Digest}}", image)).stdout
      .toString()
      .trim();

  await report.check("podman pull", async () => {
    await pull("podman", name);
    expectEqual("digest", await digest("podman", name), expected.digest);
  });

  await report.check("podman pull of an index gives the machine's platform", async () => {
    const index = await manifestAt(`${open.address}/${INDEX.repository}`, INDEX.tag);
    const image = `${entrepot.address}/up/${INDEX.repository}:${INDEX.tag}`;
    await podman("podman", "pull", "--quiet", "--tls-verify=false", "--arch", "arm64", image);
    const child = index.json.manifests?.find((it) => it.platform?.architecture === "arm64");
    const format = "{{range .RepoDigests}}{{.}} {{end}}";
    const said = await podman("podman", "image", "inspect", "--format", format, image);
    for (const wanted of [index.digest, child?.digest ?? "no child"]) {
      expectEqual(`${wanted} among ${said.output.trim()}`, said.output.includes(wanted), true);
    }
  });

  await report.check("podman run", async () => {
    const direct = `${open.address}/${BUSYBOX.repository}:${BUSYBOX.tag}`;
    await pull("podman-direct", direct);
    const echo = (storage: string, image: string) =>
      podman(storage, "run", "--rm", ...RUNNABLE, image, "/bin/busybox", "echo", "it runs");
    await echo("podman-direct", direct).catch((error: Error) => {
      throw new Skip(`the upstream's own image does not run here: ${error.message}`);
    });
    expectEqual("output", (await echo("podman", name)).stdout.toString(), "it runs\n");
  });

  await report.check("podman pull through a mirror of registries.conf", async () => {
    const image = `${mirrored}/${BUSYBOX.repository}:${BUSYBOX.tag}`;
    await podman("podman-mirror", "pull", "--quiet", image);
    expectEqual("digest", await digest("podman-mirror", image), expected.digest);
  });

  await report.check("podman pull, a second time, asks the upstream for nothing", async () => {
    expectSilence(await open.log.during(async () => void (await pull("podman-again", name))));
  });
}

/** What a machine without systemd and without the right to raise limits can run. */
const RUNNABLE = ["--network=none", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"];

/** Of a podman that keeps all in this folder. */
export function optionsFor(folder: string): string[] {
  return [
    ...["--root", `${folder}/root`, "--runroot", `${folder}/run`, "--tmpdir", `${folder}/tmp`],
    ...["--storage-driver=vfs", "--events-backend=none", "--cgroup-manager=cgroupfs"],
    "--runtime=runc",
  ];
}

/** A registries.conf. */
export function mirrorOf(registry: string, location: string): string {
  return `[[registry]]
location = "${registry}"
[[registry.mirror]]
location = "${location}"
insecure = true
`;
}
