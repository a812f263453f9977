// The images that the clients pull: made once, pushed to docker-registry, and remembered in the work directory.

import { cp, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./command.ts";
import { type Descriptor, makeLayer } from "./layers.ts";
import { pushImage, pushIndex, pushReferrer } from "./push.ts";

/** Change it with anything below: what an earlier version has made is made again. */
const VERSION = 4;
const KB = 1024;
const MB = 1024 * KB;

export const ACCOUNT = { username: "robot", password: "a pass:word" };
/** The same as a header. */
export const BASIC = `Basic ${Buffer.from(`${ACCOUNT.username}:${ACCOUNT.password}`).toString("base64")}`;
export const ARTIFACT_TYPE = "application/vnd.example.sbom.v1+json";

export interface Image {
  /** Repository at the upstream. */
  repository: string;
  tag: string;
}

export const BUSYBOX = { repository: "team/busybox", tag: "1" };
/** The same under a name that Docker Hub's official images have. */
export const OFFICIAL = { repository: "library/busybox-entrepot", tag: "1" };
export const INDEX = { repository: "team/multi", tag: "1" };
export const SCHEMA2 = { repository: "team/schema2", tag: "1" };
/** Layers of 1 KB, 10 MB and 300 MB. */
export const BIG = { repository: "team/big", tag: "1" };
/** One layer of 48 MB, which nothing else holds. */
export const RANGED = { repository: "team/ranged", tag: "1" };
/** One small layer, which nothing else holds. */
export const NAMED = { repository: "team/named", tag: "1" };
/** The same, never pulled through Entrepot: what it holds needs no fallback. */
export const FALLEN = { repository: "team/fallen", tag: "1" };
/** Many tags of one image. */
export const TAGGED = { repository: "team/tagged" };
export const TAG_COUNT = 25;
/** At the registry behind Basic auth. */
export const SECRET = { repository: "team/secret", tag: "1" };

export interface Images {
  version: number;
  artifact: Descriptor;
  /** In the order of their sizes. */
  big: Descriptor[];
  ranged: Descriptor;
}

export interface Places {
  /** Kept between runs. */
  folder: string;
  /** Addresses. */
  open: string;
  locked: string;
}

export async function makeImages(places: Places): Promise<Images> {
  const remembered = join(places.folder, "images.json");
  const known = await readFile(remembered, "utf8").then(JSON.parse, () => undefined);
  if ((known as Images | undefined)?.version === VERSION) return known as Images;
  const scratch = join(places.folder, "scratch");
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true });
  const busybox = await pushBusybox(scratch, places.open);
  const at = (repository: string) => ({ base: `http://${places.open}`, repository });
  const artifact = await pushReferrer(at(BUSYBOX.repository), busybox, ARTIFACT_TYPE);
  const layer = (name: string, size: number, compressed = true) =>
    makeLayer(scratch, name, size, compressed);

  const platforms = [];
  for (const architecture of ["amd64", "arm64"]) {
    const image = await pushImage(
      at(INDEX.repository),
      [await layer(architecture, 64 * KB)],
      architecture,
      architecture,
    );
    platforms.push({ ...image, platform: { os: "linux", architecture } });
  }
  await pushIndex(at(INDEX.repository), platforms, INDEX.tag);

  const big = [
    await layer("1k", KB),
    await layer("10m", 10 * MB),
    await layer("300m", 300 * MB, false),
  ];
  await pushImage(at(BIG.repository), big, BIG.tag);
  const ranged = await layer("ranged", 48 * MB, false);
  await pushImage(at(RANGED.repository), [ranged], RANGED.tag);
  for (const { repository, tag } of [NAMED, FALLEN]) {
    await pushImage(at(repository), [await layer(repository.replace("/", "-"), 64 * KB)], tag);
  }
  const small = await layer("tagged", KB);
  for (let n = 1; n <= TAG_COUNT; n++) {
    await pushImage(at(TAGGED.repository), [small], `v${String(n).padStart(2, "0")}`);
  }

  // A layer of its own: what another rule has brought in would not need the credentials.
  const secret = await layer("secret", 64 * KB);
  const behind = {
    ...at(SECRET.repository),
    base: `http://${places.locked}`,
    authorization: BASIC,
  };
  await pushImage(behind, [secret], SECRET.tag);

  await rm(scratch, { recursive: true });
  const images: Images = { version: VERSION, artifact, big, ranged };
  await writeFile(remembered, JSON.stringify(images));
  return images;
}

/** A runnable image: as OCI, and as Docker schema 2. */
async function pushBusybox(scratch: string, open: string): Promise<Descriptor> {
  const layout = join(scratch, "layout");
  const image = `${layout}:1`;
  await run("umoci", ["init", "--layout", layout]);
  await run("umoci", ["new", "--image", image]);
  const bin = join(scratch, "bin");
  await mkdir(bin);
  await cp("/bin/busybox", join(bin, "busybox"));
  await symlink("busybox", join(bin, "sh"));
  await run("umoci", ["insert", "--image", image, bin, "/bin"]);
  await run("umoci", ["config", "--image", image, "--architecture", "amd64", "--os", "linux"]);
  const copy = (...args: string[]) =>
    run("skopeo", ["copy", "--quiet", "--dest-tls-verify=false", ...args]);
  const name = ({ repository, tag }: Image) => `docker://${open}/${repository}:${tag}`;
  await copy(`oci:${image}`, name(BUSYBOX));
  await copy(`oci:${image}`, name(OFFICIAL));
  await copy("--format", "v2s2", `oci:${image}`, name(SCHEMA2));
  const index = JSON.parse(await readFile(join(layout, "index.json"), "utf8")) as {
    manifests: [Descriptor];
  };
  const { mediaType, digest, size } = index.manifests[0];
  return { mediaType, digest, size };
}

/** The accounts of the registry behind Basic auth, as htpasswd writes them; docker-registry takes bcrypt only. */
export async function makeAccounts(file: string): Promise<void> {
  const { username, password } = ACCOUNT;
  const { stdout } = await run("htpasswd", ["-Bbn", username, password]);
  await writeFile(file, stdout);
}
