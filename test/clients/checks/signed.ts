// Images that a rule admits by cosign's signature: pulled by clients, refused without it, and verified while the registry is down.

import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isInstalled, run } from "../command.ts";
import { nameOf } from "../ctr.ts";
import { expectEqual, expectMatch } from "../expect.ts";
import { BUSYBOX, type Image, INDEX, SCHEMA2 } from "../images.ts";
import { verifyDir } from "../landed.ts";
import { startRegistry } from "../processes.ts";
import type { Report } from "../report.ts";
import { type Stage, UP } from "../stage.ts";
import { manifestAt, urlOf } from "../upstream.ts";
import { optionsFor } from "./podman.ts";

/** How long tags, lists and 404s count as fresh, in ms. */
const TTL = 1_000;

const SIGNED: Image = { repository: "acme/signed", tag: "1" };
const INDEXED: Image = { repository: "acme/indexed", tag: "1" };
const UNSIGNED: Image = { repository: "acme/unsigned", tag: "1" };
const COPIES = [
  [BUSYBOX, SIGNED],
  [INDEX, INDEXED],
  [SCHEMA2, UNSIGNED],
] as const;

export async function checkSigned(stage: Stage, report: Report): Promise<void> {
  if (isInstalled("cosign")) await checkWithCosign(stage, report);
  else report.skip("signatures", "cosign is not on PATH");
}

async function checkWithCosign(stage: Stage, report: Report): Promise<void> {
  const { open, folder, ctr, startEntrepot } = stage;
  const home = join(folder, "home-signed");
  await mkdir(home);
  // A key pair of our own and no transparency log: nothing is asked of the network.
  const env = { HOME: home, DOCKER_CONFIG: home, COSIGN_PASSWORD: "", COSIGN_EXPERIMENTAL: "1" };
  const cosign = (...args: string[]) => run("cosign", args, { env });
  const key = join(home, "ours");
  await cosign("generate-key-pair", "--output-key-prefix", key);
  const registry = await startRegistry(join(folder, "signed"), join(folder, "signed", "storage"));
  const ttl = `${TTL}ms`;
  const rule = { upstream: `http://${registry.address}`, shadow: true };
  const entrepot = await startEntrepot("signing", {
    RULES: [
      {
        ...{ ...rule, prefix: UP.prefix, tagTtl: ttl, listTtl: ttl, negativeTtl: ttl },
        ...{ verify: [{ images: ["acme/**"], key: "SIGNER" }], verifyMode: "enforce" },
        referrers: true,
      },
    ],
    SIGNER: await readFile(`${key}.pub`, "utf8"),
  });
  const through = `${entrepot.address}/${UP.prefix}`;
  const digestOf = async ({ repository, tag }: Image) =>
    (await manifestAt(`${registry.address}/${repository}`, tag)).digest;
  const copy = (image: Image, dir: string, ...flags: string[]) => {
    const all = [...flags, "--quiet", "--preserve-digests", "--src-tls-verify=false"];
    return run("skopeo", ["copy", ...all, `docker://${nameOf(through, image)}`, `dir:${dir}`]);
  };
  const podman = (image: Image) => {
    const options = optionsFor(join(folder, "podman-s"));
    const args = ["pull", "--quiet", "--tls-verify=false", nameOf(through, image)];
    return run("podman", [...options, ...args]);
  };
  const refusal = async (pull: Promise<unknown>) => {
    const error = await pull.then(
      () => new Error("it was pulled"),
      (failure: Error) => failure,
    );
    expectMatch("the pull's failure", error.message, /403|denied|DENIED/i);
  };
  const verify = (image: Image, digest: string) =>
    cosign(
      ...["verify", "--key", `${key}.pub`, "--insecure-ignore-tlog", "--allow-http-registry"],
      ...(image === INDEXED ? ["--experimental-oci11"] : []),
      `${through}/${image.repository}@${digest}`,
    );

  await report.check("cosign sign of an image and of an index", async () => {
    for (const [from, to] of COPIES) {
      const flags = ["--all", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false"];
      const [source, target] = [nameOf(open.address, from), nameOf(registry.address, to)];
      await run("skopeo", ["copy", ...flags, `docker://${source}`, `docker://${target}`]);
    }
    for (const [mode, image] of Object.entries({ legacy: SIGNED, "oci-1-1": INDEXED }))
      await cosign(
        ...["sign", "--yes", "--key", `${key}.key`, "--tlog-upload=false"],
        ...["--allow-http-registry", `--registry-referrers-mode=${mode}`],
        `${registry.address}/${image.repository}@${await digestOf(image)}`,
      );
  });

  await report.check("skopeo copy, podman pull and ctr images pull of what is signed", async () => {
    const dir = join(folder, "signed-copy");
    await copy(SIGNED, dir);
    await verifyDir(dir, await digestOf(SIGNED));
    await copy(INDEXED, join(folder, "signed-index"), "--all");
    await podman(SIGNED);
    await ctr.pull("signed", nameOf(through, INDEXED), ["--plain-http"]);
    const found = await ctr.digest("signed", nameOf(through, INDEXED));
    expectEqual("digest", found, await digestOf(INDEXED));
  });

  await report.check("the same of what is not signed fails", async () => {
    await refusal(copy(UNSIGNED, join(folder, "unsigned-copy")));
    await refusal(podman(UNSIGNED));
    await refusal(ctr.pull("signed", nameOf(through, UNSIGNED), ["--plain-http"]));
    const place = `${through}/${UNSIGNED.repository}`;
    const answer = await fetch(urlOf(place, "manifests", await digestOf(UNSIGNED)));
    expectEqual("status", answer.status, 403);
    expectMatch("reason", await answer.text(), /is not signed, as verify\[0\] .* the key SIGNER/);
  });

  const digests = { signed: await digestOf(SIGNED), indexed: await digestOf(INDEXED) };
  await report.check("cosign verify through the rule", async () => {
    const { output } = await verify(SIGNED, digests.signed);
    expectMatch("what is verified", output, new RegExp(digests.signed));
    await verify(INDEXED, digests.indexed);
  });

  await registry.kill();
  await sleep(TTL + 100);
  await report.check("cosign verify and skopeo copy while the registry is down", async () => {
    for (const [image, digest] of [
      [SIGNED, digests.signed],
      [INDEXED, digests.indexed],
    ] as const) {
      const { output } = await verify(image, digest);
      expectMatch("what is verified", output, new RegExp(digest));
    }
    await copy(SIGNED, join(folder, "signed-down"));
    await verifyDir(join(folder, "signed-down"), digests.signed);
  });
}
