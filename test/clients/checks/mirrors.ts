// podman and skopeo with Entrepot as a mirror in registries.conf, and the upstream behind it.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Asked, render } from "../access-log.ts";
import { run } from "../command.ts";
import { nameOf } from "../ctr.ts";
import { expectSilence } from "../expect.ts";
import { FAULTS, type Fault } from "../faulty.ts";
import { BUSYBOX, FALLEN, type Image } from "../images.ts";
import { freeAddress } from "../processes.ts";
import type { Report } from "../report.ts";
import { FALLING_BACK, faultNames, type Stage, UP } from "../stage.ts";
import { optionsFor } from "./podman.ts";

/** In ms: "in seconds". A 429 is asked again four times, after as many seconds as it says: here one. */
const SECONDS = 10_000;

export async function checkMirrors(stage: Stage, report: Report): Promise<void> {
  const { open, twin, entrepot, folder } = stage;
  const home = join(folder, "mirrors");
  const configs = join(home, ".config/containers");
  await mkdir(configs, { recursive: true });

  for (const client of FALLING_BACK) {
    if (client === "ctr") continue;
    const bad: Record<string, { what: string; mirror: string }> = {
      down: { what: "down", mirror: await freeAddress() },
    };
    for (const fault of Object.keys(FAULTS) as Fault[]) {
      const { prefix } = faultNames(client, fault);
      bad[fault] = { what: FAULTS[fault].what, mirror: `${entrepot.address}/${prefix}` };
    }
    const file = join(configs, "registries.conf");
    const good = mirrorOf("good.example", `${entrepot.address}/${UP.prefix}`, twin.address);
    const others = Object.entries(bad).map(([name, { mirror }]) =>
      mirrorOf(`${name}.example`, mirror, open.address),
    );
    await writeFile(file, [good, ...others].join(""));
    // podman looks for it in a variable, skopeo at home.
    const env = { HOME: home, CONTAINERS_REGISTRIES_CONF: file };
    const pull = (name: string, image: Image) => {
      // podman takes no path of more than 50 characters.
      const place = join(folder, `${client.charAt(0)}-${name}`);
      const args = argsOf(client, nameOf(`${name}.example`, image), place);
      return run(client, args, { env, timeout: SECONDS });
    };

    await report.check(`${client} through a mirror with a prefix: its upstream only`, async () => {
      expectSilence(await twin.log.during(async () => void (await pull("good", BUSYBOX))));
    });
    for (const [name, { what }] of Object.entries(bad)) {
      await report.check(`${client}, the fallback of a mirror that is ${what}`, async () => {
        expectWholePull(await open.log.during(async () => void (await pull(name, FALLEN))));
      });
    }
  }
}

/** A pull that succeeds has checked the digests of the config and the layers; it is into a place of its own. */
function argsOf(client: "podman" | "skopeo", image: string, place: string): string[] {
  if (client === "skopeo") return ["copy", "--quiet", `docker://${image}`, `dir:${place}`];
  return [...optionsFor(place), "pull", "--quiet", image];
}

function mirrorOf(prefix: string, mirror: string, location: string): string {
  return `[[registry]]
prefix = "${prefix}"
location = "${location}"
insecure = true
[[registry.mirror]]
location = "${mirror}"
insecure = true
`;
}

/** The client itself has asked the fallback: for the manifest, the config and the layer. */
function expectWholePull(asked: Asked[]): void {
  const own = asked.filter(
    ({ agent, status, path }) =>
      /^(skopeo|containers)\//.test(agent) && status === 200 && path !== "/v2/",
  );
  if (own.length !== 3) throw new Error(`the fallback was asked otherwise:\n${render(asked)}`);
}
