// What is no image: helm's charts, cosign's signatures and buildah's caches, pushed to the registry and read through Entrepot.
// Each client is checked where it is found on PATH.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { duringAll } from "../access-log.ts";
import { isInstalled, type Options, run } from "../command.ts";
import { expectEqual, expectMatch, expectSilence } from "../expect.ts";
import { BUSYBOX } from "../images.ts";
import { digestOfFile } from "../layers.ts";
import { pushImage } from "../push.ts";
import type { Report } from "../report.ts";
import { FRESH, type Stage } from "../stage.ts";

export async function checkArtifacts(stage: Stage, report: Report): Promise<void> {
  const groups = { helm: checkHelm, cosign: checkCosign, buildah: checkBuildah };
  for (const [command, check] of Object.entries(groups)) {
    if (isInstalled(command)) await check(stage, report);
    else report.skip(command, `${command} is not on PATH`);
  }
}

/** The second has a `+`, which a tag cannot have: helm writes `_`. */
const CHARTS = ["0.1.0", "0.2.0+build.7"] as const;

async function checkHelm({ folder, fresh, entrepot }: Stage, report: Report): Promise<void> {
  const home = await homeOf(folder, "helm");
  const helm = (...args: string[]) => run("helm", args, inHome(home));
  const place = (address: string) => `oci://${address}/${FRESH.prefix}/charts`;
  const packed = (version: string) => join(home, `hello-${version}.tgz`);
  /** @param into a folder of its own */
  const pull = async (into: string, ...version: string[]) => {
    const to = join(home, into);
    await mkdir(to);
    await helm("pull", `${place(entrepot.address)}/hello`, ...version, "--plain-http", "-d", to);
    return to;
  };

  await report.check("helm push, and helm pull by version", async () => {
    for (const version of CHARTS) {
      await writeChart(join(home, "hello"), version);
      await helm("package", join(home, "hello"), "-d", home);
      await helm("push", packed(version), place(fresh.address), "--plain-http");
      const to = await pull(version, "--version", version);
      const found = await digestOfFile(join(to, `hello-${version}.tgz`));
      expectEqual("digest of the chart", found, await digestOfFile(packed(version)));
    }
  });

  await report.check(
    "helm pull of the newest version, which the tags tell, and helm template",
    async () => {
      const to = await pull("newest");
      const newest = CHARTS.at(-1) ?? "";
      const found = await digestOfFile(join(to, `hello-${newest}.tgz`));
      expectEqual("digest of the chart", found, await digestOfFile(packed(newest)));
      const chart = `${place(entrepot.address)}/hello`;
      const { output } = await helm("template", "x", chart, "--plain-http", "--version", "^0.1");
      expectMatch("what it renders", output, /greeting: hello from 0\.1\.0/);
    },
  );
}

async function writeChart(folder: string, version: string): Promise<void> {
  await mkdir(join(folder, "templates"), { recursive: true });
  const chart = { apiVersion: "v2", name: "hello", version };
  await writeFile(join(folder, "Chart.yaml"), JSON.stringify(chart)); // JSON is YAML
  const map = `apiVersion: v1
kind: ConfigMap
metadata: { name: hello }
data: { greeting: hello from {{ .Chart.Version }} }
`;
  await writeFile(join(folder, "templates", "map.yaml"), map);
}

async function checkCosign({ folder, fresh, entrepot }: Stage, report: Report): Promise<void> {
  const home = await homeOf(folder, "cosign");
  // A key pair of our own and no transparency log: nothing is asked of the network.
  const options = inHome(home, { COSIGN_PASSWORD: "", COSIGN_EXPERIMENTAL: "1" });
  const cosign = (...args: string[]) => run("cosign", args, options);
  const keys = (name: string) => join(home, name);
  const repository = `${FRESH.prefix}/signed`;
  const verify = (name: string, key: string, ...args: string[]) =>
    cosign(
      ...["verify", "--key", keys(`${key}.pub`), "--insecure-ignore-tlog", "--allow-http-registry"],
      ...[...args, `${entrepot.address}/${repository}${name}`],
    );

  await report.check("cosign verify of what was signed, by tag and by digest", async () => {
    for (const key of ["ours", "others"]) {
      await cosign("generate-key-pair", "--output-key-prefix", keys(key));
    }
    const to = { base: `http://${fresh.address}`, repository };
    for (const mode of MODES) {
      // The architecture makes it an image of its own.
      const { digest } = await pushImage(to, [], mode, mode);
      await cosign(
        ...["sign", "--yes", "--key", keys("ours.key"), "--tlog-upload=false"],
        ...["--allow-http-registry", `--registry-referrers-mode=${mode}`],
        `${fresh.address}/${repository}@${digest}`,
      );
      const how = mode === "legacy" ? [] : ["--experimental-oci11"];
      for (const name of [`:${mode}`, `@${digest}`]) {
        const { output } = await verify(name, "ours", ...how);
        expectMatch(`what is verified (${mode})`, output, new RegExp(digest));
      }
    }
  });

  await report.check("cosign verify of another key, and of what is not signed, fails", async () => {
    await pushImage({ base: `http://${fresh.address}`, repository }, [], "unsigned", "unsigned");
    for (const [name, key, reason] of [
      [":legacy", "others", /invalid signature|failed to verify/],
      [":unsigned", "ours", /no signatures found/],
    ] as const) {
      const said = await verify(name, key).catch((error: Error) => error.message);
      expectMatch(`what is said of ${name}`, String(said), reason);
    }
  });
}

/** Where the signature is found: by a tag, or by the Referrers API, which the registry does not have. */
const MODES = ["legacy", "oci-1-1"] as const;

async function checkBuildah(
  { folder, fresh, open, entrepot }: Stage,
  report: Report,
): Promise<void> {
  const home = await homeOf(folder, "buildah");
  const name = ({ address }: { address: string }, rest: string) => `${address}/${rest}`;
  await writeFile(join(home, "data"), "some data");
  await writeFile(
    join(home, "Containerfile"),
    `FROM ${name(entrepot, `up/${BUSYBOX.repository}:${BUSYBOX.tag}`)}\nCOPY data /one\nCOPY data /two\n`,
  );
  /** @param storage images of one do not show in another */
  const build = (storage: string, ...cache: string[]) =>
    run(
      "buildah",
      [
        ...["--root", join(home, storage), "--runroot", join(home, `${storage}-run`)],
        ...[
          "--storage-driver=vfs",
          "build",
          "--layers",
          "--tls-verify=false",
          "--isolation=chroot",
        ],
        ...[...cache, home],
      ],
      inHome(home),
    );

  await report.check(
    "buildah build with a base and a cache that come through Entrepot",
    async () => {
      const cached = `${FRESH.prefix}/cache`;
      await build("first", "--cache-to", name(fresh, cached));
      const from = ["--cache-from", name(entrepot, cached)];
      const { output } = await build("second", ...from);
      expectEqual("steps from the cache", output.match(/Cache pulled from remote/g)?.length, 2);
      const again = await duringAll([open.log, fresh.log], async () => {
        await build("third", ...from);
      });
      // The tags of the cache are stale by then.
      expectSilence(again.flat().filter(({ method }) => method !== "HEAD"));
    },
  );
}

async function homeOf(folder: string, command: string): Promise<string> {
  const home = join(folder, `home-${command}`);
  await mkdir(home);
  return home;
}

/** No account and no setting of this machine's user is found there. */
function inHome(home: string, env: Record<string, string> = {}): Options {
  return { env: { HOME: home, DOCKER_CONFIG: home, ...env } };
}
