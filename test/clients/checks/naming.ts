// Every way to name an image: they lead to the same one, which is fetched once.

import { join } from "node:path";
import { type Asked, render } from "../access-log.ts";
import { run } from "../command.ts";
import { hostsDir, NOBODY, nameOf } from "../ctr.ts";
import { expectEqual, expectMatch } from "../expect.ts";
import { startFaulty } from "../faulty.ts";
import { NAMED, SECRET } from "../images.ts";
import { verifyDir } from "../landed.ts";
import type { Report } from "../report.ts";
import { LOCKED, type Stage, UP } from "../stage.ts";
import { manifestAt } from "../upstream.ts";

export async function checkNaming(stage: Stage, report: Report): Promise<void> {
  const { open, locked, twin, entrepot, folder, ctr } = stage;
  const here = `http://${entrepot.address}`;
  const { digest } = await manifestAt(`${open.address}/${NAMED.repository}`, NAMED.tag);
  let copies = 0;
  const copy = async (name: string, env: Record<string, string> = {}): Promise<string> => {
    const dir = join(folder, `named-${copies++}`);
    const flags = ["--quiet", "--preserve-digests", "--src-tls-verify=false"];
    await run("skopeo", ["copy", ...flags, `docker://${name}`, `dir:${dir}`], { env });
    return dir;
  };
  /** A host leads to Entrepot without DNS, as to a proxy; and to nobody for https, which skopeo tries first. */
  const byHost = { HTTP_PROXY: here, HTTPS_PROXY: NOBODY, NO_PROXY: "" };

  const asked = await open.log.during(async () => {
    for (const [what, name, env] of [
      ["its rule's prefix", nameOf(`${entrepot.address}/${UP.prefix}`, NAMED)],
      ["no prefix: the default rule", nameOf(entrepot.address, NAMED)],
      ["its rule's host", nameOf(UP.host, NAMED), byHost],
      ["its rule's host, and the prefix", nameOf(`${UP.host}/${UP.prefix}`, NAMED), byHost],
    ] as const) {
      await report.check(`skopeo copy by ${what}`, async () => {
        await verifyDir(await copy(name, env), digest);
      });
    }
    for (const [what, registry, mirror] of [
      ["?ns=, a name of the rule's list", UP.ns, here],
      ["?ns=, the upstream's host and port", open.address, here],
      ["?ns= and a prefix together (override_path)", UP.ns, `${here}/v2/${UP.prefix}`],
    ] as const) {
      await report.check(`ctr images pull by ${what}`, async () => {
        const namespace = `naming-${copies++}`;
        const flags = await hostsDir(join(folder, namespace), { [registry]: { mirror } });
        const name = nameOf(registry, NAMED);
        await ctr.pull(namespace, name, flags);
        expectEqual("digest", await ctr.digest(namespace, name), digest);
      });
    }
  });
  await report.check(
    "by all of these names, the upstream was asked for everything once",
    async () => expectAskedOnce(asked),
  );

  await report.check("a host chooses its rule before the default rule", async () => {
    const name = `/v2/${SECRET.repository}/manifests/${SECRET.tag}`;
    expectMatch("the answer there", await curl(here + name, LOCKED.host), /^HTTP\/1\.1 200/);
    expectMatch("the answer elsewhere", await curl(here + name), /^HTTP\/1\.1 404/);
  });

  await report.check("?ns= or a host without a rule is 404, and is never dialled", async () => {
    const stranger = await startFaulty("failing");
    const addresses = [open, locked, twin].map(({ address }) => address);
    for (const [ns, host] of [
      [stranger.address],
      // A prefix is no registry.
      [UP.prefix],
      // Beside the hosts of rules.
      [undefined, "quay.mirror.example.localhost"],
      // The host of one rule, the registry of another.
      [UP.ns, LOCKED.host],
    ]) {
      const query = ns === undefined ? "" : `?ns=${ns}`;
      const said = await curl(`${here}/v2/library/missing/manifests/1${query}`, host);
      expectMatch(`the answer for ${ns}, ${host}`, said, /^HTTP\/1\.1 404[\s\S]*"NAME_UNKNOWN"/);
      for (const internal of [...addresses, UP.host, UP.ns, LOCKED.host]) {
        const isTold = internal !== ns && said.includes(internal);
        expectEqual(`"${said}" names ${internal}`, isTold, false);
      }
    }
    expectEqual("requests to the unknown registry", stranger.count(), 0);
  });
}

/** The answer with its headers. */
async function curl(url: string, host?: string): Promise<string> {
  const headers = host === undefined ? [] : ["-H", `Host: ${host}`];
  return (await run("curl", ["-sSi", ...headers, url])).stdout.toString();
}

/** The tag's HEAD, and a GET for the manifest, the config and the layer. */
function expectAskedOnce(asked: Asked[]): void {
  const requests = asked.map(({ method, path }) => `${method} ${path}`);
  if (requests.length !== 4 || new Set(requests).size !== 4)
    throw new Error(`the upstream was asked for more, or less:\n${render(asked)}`);
}
