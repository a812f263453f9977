// `npm run entrepot -- trust update`: renews the trusted root of keyless signatures that comes with this release, by TUF.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { Complaint } from "./api.ts";
import { withExamples } from "./command.ts";
import { say } from "./lines.ts";

const FILE = "../signatures/trusted-root.json";
const TARGET = "trusted_root.json";

interface Options {
  mirror?: string;
  root?: string;
  file?: string;
}

export function trustCommand(): Command {
  const update = new Command("update")
    .summary("renew the trusted root of keyless signatures")
    .description(
      "Fetch sigstore's trusted root by TUF, verify it, and write it to src/signatures/trusted-root.json. It is in force after the next deployment. Contacts no cache.",
    )
    .option("--mirror <url>", "TUF repository (default: that of sigstore's public instance)")
    .option("--root <file>", "root.json that the repository is verified with; needed with --mirror")
    .option("--file <file>", "file to write");
  withExamples(update, [
    "trust update   then npx wrangler deploy",
    "trust update --mirror https://tuf.example.com --root root.json",
  ]).action(renew);
  const command = new Command("trust")
    .summary("renew what keyless signatures are verified with")
    .description(
      "Renew the trusted root: the certificate authorities, logs and timestamp authorities that keyless signatures are verified with.",
    )
    .addCommand(update);
  return withExamples(command, ["trust update   then npx wrangler deploy", "trust update --help"]);
}

async function renew({ mirror, root, file }: Options): Promise<void> {
  if (mirror !== undefined && root === undefined)
    throw new Complaint("--mirror needs --root: the root.json that its metadata is verified with");
  const place = file ?? fileURLToPath(new URL(FILE, import.meta.url).href);
  const text = await fetched(mirror, root);
  const { trustedRootEnds, trustedRootSchema } = await import("../config/trusted-root.ts");
  const json = jsonOf(text);
  const parsed = trustedRootSchema().safeParse(json);
  if (!parsed.success) throw new Complaint("what the repository has is no trusted root");
  const written = `${JSON.stringify(json, undefined, 2)}\n`;
  const before = await readFile(place, "utf8").catch(() => undefined);
  if (before !== written) await writeFile(place, written);
  const end = trustedRootEnds(parsed.data);
  const until = end === undefined ? "" : `; it ends on ${new Date(end).toISOString().slice(0, 10)}`;
  say(before === written ? `unchanged${until}` : `written to ${place}${until}: deploy to use it`);
}

/** The trusted root of a TUF repository, verified from its root. Nothing of it is kept. */
async function fetched(mirror: string | undefined, root: string | undefined): Promise<string> {
  const { initTUF } = await import("@sigstore/tuf").catch(() => {
    throw new Complaint("@sigstore/tuf is not installed: run npm install");
  });
  const cachePath = await mkdtemp(join(tmpdir(), "entrepot-tuf-"));
  try {
    const given = {
      ...(mirror !== undefined && { mirrorURL: mirror.replace(/\/$/, "") }),
      ...(root !== undefined && { rootPath: root }),
    };
    const tuf = await initTUF({ cachePath, ...given });
    return await tuf.getTarget(TARGET);
  } catch (error) {
    throw new Complaint(`the trusted root cannot be fetched: ${(error as Error).message}`);
  } finally {
    await rm(cachePath, { recursive: true, force: true });
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
