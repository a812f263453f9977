// containerd: pulls through a hosts.toml, which adds `?ns=` to every request, and by Entrepot's own name.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run, type Said } from "../command.ts";
import { expectEqual, expectSilence } from "../expect.ts";
import { BIG, BUSYBOX, type Image, INDEX, SCHEMA2 } from "../images.ts";
import { type Containerd, startContainerd } from "../processes.ts";
import { type Report, Skip } from "../report.ts";
import type { Stage } from "../stage.ts";
import { manifestAt } from "../upstream.ts";

const MIRRORED = "registry.example";

export async function checkContainerd(stage: Stage, report: Report): Promise<void> {
  const { open, entrepot, folder } = stage;
  const containerd = await startContainerd(join(folder, "containerd"));
  const hosts = join(folder, "hosts");
  await mkdir(join(hosts, MIRRORED), { recursive: true });
  await writeFile(join(hosts, MIRRORED, "hosts.toml"), hostsToml(entrepot.address, "up"));
  const direct = nameOf(open.address, BUSYBOX);
  const snapshotter = await usableSnapshotter(containerd, direct);
  const pull = (namespace: string, name: string, ...options: string[]) =>
    ctr(containerd, namespace, "images", "pull", "--snapshotter", snapshotter, ...options, name);
  const through = ["--hosts-dir", hosts];
  const digest = async (namespace: string, name: string) => {
    const { output } = await ctr(containerd, namespace, "images", "list", `name==${name}`);
    return /sha256:[0-9a-f]{64}/.exec(output)?.[0];
  };
  const expected = async ({ repository, tag }: Image) =>
    (await manifestAt(`${open.address}/${repository}`, tag)).digest;

  for (const [what, image] of Object.entries({
    "an image": BUSYBOX,
    "an index": INDEX,
    "schema 2": SCHEMA2,
  })) {
    await report.check(`ctr images pull through hosts.toml, ${what}`, async () => {
      await pull("first", nameOf(MIRRORED, image), ...through);
      expectEqual("digest", await digest("first", nameOf(MIRRORED, image)), await expected(image));
    });
  }

  await report.check("ctr images pull of both platforms and of big layers", async () => {
    for (const image of [INDEX, BIG]) {
      const name = nameOf(MIRRORED, image);
      await ctr(containerd, "whole", "content", "fetch", "--all-platforms", ...through, name);
      await ctr(containerd, "whole", "images", "check", `name==${name}`);
      expectEqual("digest", await digest("whole", name), await expected(image));
    }
  });

  await report.check("ctr run", async () => {
    const echo = (namespace: string, name: string) =>
      ctr(
        containerd,
        namespace,
        "run",
        "--rm",
        "--snapshotter",
        snapshotter,
        "--fifo-dir",
        join(folder, "fifo"),
        "--runc-root",
        join(folder, "runc"),
        name,
        `entrepot-${process.pid}`,
        "/bin/busybox",
        "echo",
        "it runs",
      );
    await echo("direct", direct).catch((error: Error) => {
      throw new Skip(`the upstream's own image does not run here: ${error.message}`);
    });
    const { stdout } = await echo("first", nameOf(MIRRORED, BUSYBOX));
    expectEqual("output", stdout.toString(), "it runs\n");
  });

  await report.check("ctr images pull by Entrepot's own name", async () => {
    const name = nameOf(`${entrepot.address}/up`, BUSYBOX);
    await pull("named", name, "--plain-http");
    expectEqual("digest", await digest("named", name), await expected(BUSYBOX));
  });

  await report.check("ctr images pull, a second time, asks the upstream for nothing", async () => {
    const asked = await open.log.during(async () => {
      for (const image of [BUSYBOX, INDEX, SCHEMA2]) {
        await pull("second", nameOf(MIRRORED, image), ...through);
      }
    });
    expectSilence(asked);
  });
  await containerd.kill();
}

function ctr(containerd: Containerd, namespace: string, ...args: string[]): Promise<Said> {
  return run("ctr", ["--address", containerd.socket, "--namespace", namespace, ...args]);
}

/** overlayfs does not work on every file system; copying does. */
async function usableSnapshotter(containerd: Containerd, name: string): Promise<string> {
  const pull = (snapshotter: string) =>
    ctr(containerd, "direct", "images", "pull", "--plain-http", "--snapshotter", snapshotter, name);
  return pull("overlayfs").then(
    () => "overlayfs",
    async () => {
      await pull("native");
      return "native";
    },
  );
}

/** `server` names what cannot answer: a request that goes past the mirror fails. */
function hostsToml(address: string, prefix: string): string {
  return `server = "http://127.0.0.1:1"
[host."http://${address}/v2/${prefix}"]
capabilities = ["pull", "resolve"]
override_path = true
`;
}

function nameOf(registry: string, { repository, tag }: Image): string {
  return `${registry}/${repository}:${tag}`;
}
