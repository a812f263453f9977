// containerd with Entrepot first, and the upstream as its fallback: a pull succeeds on good days and on bad ones.

import { join } from "node:path";
import { type Asked, duringAll, render } from "../access-log.ts";
import { type Hosts, hostsDir, nameOf } from "../ctr.ts";
import { expectEqual, expectSilence } from "../expect.ts";
import { FAULTS, type Fault } from "../faulty.ts";
import { BUSYBOX, FALLEN, type Image } from "../images.ts";
import { freeAddress } from "../processes.ts";
import type { Report } from "../report.ts";
import { faultNames, type Stage, UP } from "../stage.ts";
import { manifestAt } from "../upstream.ts";

/** In ms: "in seconds". An upstream that hangs costs its `firstByteTimeout`, here a second, for each of three requests. */
const SECONDS = 8_000;

export async function checkFallback(stage: Stage, report: Report): Promise<void> {
  const { open, twin, entrepot, folder, ctr } = stage;
  const here = `http://${entrepot.address}`;
  const pull = async (image: Image, registry: string, hosts: Hosts) => {
    const namespace = `fallback-${registry.split(".")[0]}`;
    const flags = await hostsDir(join(folder, namespace), { [registry]: hosts });
    const name = nameOf(registry, image);
    await ctr.pull(namespace, name, flags, { timeout: SECONDS });
    const expected = await manifestAt(`${open.address}/${image.repository}`, image.tag);
    expectEqual("digest", await ctr.digest(namespace, name), expected.digest);
  };

  for (const [how, mirror] of [
    ["without override_path", here],
    ["with override_path", `${here}/v2/${UP.prefix}`],
  ] as const) {
    await report.check(`ctr images pull ${how}: the fallback is not asked`, async () => {
      const hosts = { mirror, server: `http://${twin.address}` };
      expectSilence(await twin.log.during(() => pull(BUSYBOX, UP.ns, hosts)));
    });
  }

  const falls = async (registry: string, mirror: string): Promise<Asked[]> => {
    const hosts = { mirror, server: `http://${open.address}` };
    const logs = [entrepot.log, open.log];
    const act = () => pull(FALLEN, registry, hosts);
    const [here = [], there = []] = await duringAll(logs, act);
    expectWholePull(there);
    return here;
  };
  const named = (what: string) => `ctr images pull, the fallback of an Entrepot that is ${what}`;

  await report.check(named("down"), async () => {
    await falls("down.example", `http://${await freeAddress()}`);
  });
  await report.check(named("without a rule for this ns"), async () => {
    expectAskedOnce(await falls("unknown.example", here), 404);
  });
  for (const fault of Object.keys(FAULTS) as Fault[]) {
    const { what, told } = FAULTS[fault];
    await report.check(named(what), async () => {
      expectAskedOnce(await falls(faultNames("ctr", fault).ns, here), told);
    });
  }
}

/** containerd itself has asked the fallback: for the tag, the manifest, the config and the layer. */
function expectWholePull(asked: Asked[]): void {
  const own = asked.filter(
    ({ agent, status }) => agent.startsWith("containerd/") && status === 200,
  );
  if (own.length !== 4) throw new Error(`the fallback was not asked for all:\n${render(asked)}`);
}

/** Entrepot was asked first, for each of the four; a 429 would have been asked again five times. */
function expectAskedOnce(asked: Asked[], told: number): void {
  const wrong = asked.some(({ status }) => status !== told);
  if (asked.length !== 4 || new Set(asked.map(({ path }) => path)).size !== 4 || wrong)
    throw new Error(`Entrepot was asked otherwise, or did not answer ${told}:\n${render(asked)}`);
}
