// containerd: pulls through a hosts.toml, which adds `?ns=` to every request, and by Entrepot's own name.

import { join } from "node:path";
import { DIRECT, hostsDir, nameOf } from "../ctr.ts";
import { expectEqual, expectSilence } from "../expect.ts";
import { BIG, BUSYBOX, type Image, INDEX, SCHEMA2 } from "../images.ts";
import { type Report, Skip } from "../report.ts";
import { type Stage, UP } from "../stage.ts";
import { manifestAt } from "../upstream.ts";

export async function checkContainerd(stage: Stage, report: Report): Promise<void> {
  const { open, entrepot, folder, ctr } = stage;
  const through = await hostsDir(join(folder, "hosts"), {
    [UP.ns]: { mirror: `http://${entrepot.address}/v2/${UP.prefix}` },
  });
  const expected = async ({ repository, tag }: Image) =>
    (await manifestAt(`${open.address}/${repository}`, tag)).digest;

  for (const [what, image] of Object.entries({
    "an image": BUSYBOX,
    "an index": INDEX,
    "schema 2": SCHEMA2,
  })) {
    await report.check(`ctr images pull through hosts.toml, ${what}`, async () => {
      await ctr.pull("first", nameOf(UP.ns, image), through);
      expectEqual("digest", await ctr.digest("first", nameOf(UP.ns, image)), await expected(image));
    });
  }

  await report.check("ctr images pull of both platforms and of big layers", async () => {
    for (const image of [INDEX, BIG]) {
      const name = nameOf(UP.ns, image);
      await ctr.run("whole", ["content", "fetch", "--all-platforms", ...through, name]);
      await ctr.run("whole", ["images", "check", `name==${name}`]);
      expectEqual("digest", await ctr.digest("whole", name), await expected(image));
    }
  });

  await report.check("ctr run", async () => {
    const places = ["--fifo-dir", join(folder, "fifo"), "--runc-root", join(folder, "runc")];
    const echo = (namespace: string, name: string) =>
      ctr.run(namespace, [
        ...["run", "--rm", "--snapshotter", ctr.snapshotter, ...places],
        ...[name, `entrepot-${process.pid}`, "/bin/busybox", "echo", "it runs"],
      ]);
    await echo(DIRECT, nameOf(open.address, BUSYBOX)).catch((error: Error) => {
      throw new Skip(`the upstream's own image does not run here: ${error.message}`);
    });
    const { stdout } = await echo("first", nameOf(UP.ns, BUSYBOX));
    expectEqual("output", stdout.toString(), "it runs\n");
  });

  await report.check("ctr images pull by Entrepot's own name", async () => {
    const name = nameOf(`${entrepot.address}/${UP.prefix}`, BUSYBOX);
    await ctr.pull("named", name, ["--plain-http"]);
    expectEqual("digest", await ctr.digest("named", name), await expected(BUSYBOX));
  });

  await report.check("ctr images pull, a second time, asks the upstream for nothing", async () => {
    const asked = await open.log.during(async () => {
      for (const image of [BUSYBOX, INDEX, SCHEMA2]) {
        await ctr.pull("second", nameOf(UP.ns, image), through);
      }
    });
    expectSilence(asked);
  });

  await report.check(
    "ctr images pull again: HEAD alone; once it was removed, each part once",
    async () => {
      const name = nameOf(UP.ns, BUSYBOX);
      const place = `${open.address}/${BUSYBOX.repository}`;
      const { digest, json } = await manifestAt(place, BUSYBOX.tag);
      const blobs = [json.config, ...(json.layers ?? [])].map((it) => `GET blobs/${it?.digest}`);
      const pull = () => ctr.pull("again", name, through);
      /** What Entrepot is asked for, without the repository. */
      const asked = async (act: () => Promise<unknown>) => {
        const said = await entrepot.log.during(async () => void (await act()));
        const short = said.map(({ method, path }) => `${method} ${path.replace(REPOSITORY, "")}`);
        return short.sort().join("\n");
      };
      await pull();
      const upstream = await open.log.during(async () => {
        const head = `HEAD manifests/${BUSYBOX.tag}`;
        expectEqual("what is asked, with all there", await asked(pull), head);
        await ctr.run("again", ["images", "remove", "--sync", name]);
        const all = [head, `GET manifests/${digest}`, ...new Set(blobs)].sort().join("\n");
        expectEqual("what is asked, with nothing there", await asked(pull), all);
        expectEqual("digest", await ctr.digest("again", name), digest);
      });
      expectSilence(upstream);
    },
  );
}

/** What a path has around what is asked for. */
const REPOSITORY = /^\/v2\/.*\/(?=(manifests|blobs)\/)|\?.*$/g;
