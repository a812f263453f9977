// Real clients against Entrepot, in front of real registries: `npm run test:clients`, or `-- access` for one group of them.

import { rmSync } from "node:fs";
import { mkdtemp, readFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { checkout } from "../support/checkout.ts";
import { checkAccess } from "./checks/access.ts";
import { checkApi } from "./checks/api.ts";
import { checkArtifacts } from "./checks/artifacts.ts";
import { checkCold } from "./checks/cold.ts";
import { checkCommands } from "./checks/commands.ts";
import { checkCompany } from "./checks/company.ts";
import { checkConformance } from "./checks/conformance.ts";
import { checkConsole } from "./checks/console.ts";
import { checkContainerd } from "./checks/containerd.ts";
import { checkDockerd } from "./checks/dockerd.ts";
import { checkEdge } from "./checks/edge.ts";
import { checkEnforced } from "./checks/enforced.ts";
import { checkFallback } from "./checks/fallback.ts";
import { checkKilled } from "./checks/killed.ts";
import { checkLifecycle } from "./checks/lifecycle.ts";
import { checkLocked } from "./checks/locked.ts";
import { checkMirrors } from "./checks/mirrors.ts";
import { checkNaming } from "./checks/naming.ts";
import { checkNumbers } from "./checks/numbers.ts";
import { checkOutage } from "./checks/outage.ts";
import { checkPodman } from "./checks/podman.ts";
import { checkSetup } from "./checks/setup.ts";
import { checkSigned } from "./checks/signed.ts";
import { checkSkopeo } from "./checks/skopeo.ts";
import { tail } from "./command.ts";
import { killAll } from "./groups.ts";
import type { Images } from "./images.ts";
import { Report } from "./report.ts";
import { prepareImages, type Stage, setStage } from "./stage.ts";

type Group = (stage: Stage, report: Report) => Promise<void>;

/** Groups that run side by side, each lane on a stage of its own, about equally long: most groups wait for a clock or for one program.
 * Within a lane, what is cold comes first; each next group finds more of the images warm. */
const LANES = {
  bytes: [
    checkCold,
    checkNaming,
    checkSkopeo,
    checkContainerd,
    checkLocked,
    checkApi,
    checkCompany,
    checkArtifacts,
    checkSigned,
    checkKilled,
    checkEdge,
  ],
  clocks: [
    checkConformance,
    checkFallback,
    checkOutage,
    checkLifecycle,
    checkNumbers,
    checkCommands,
  ],
  // All of podman: its runs share locks of the machine.
  users: [
    checkPodman,
    checkDockerd,
    checkAccess,
    checkSetup,
    checkEnforced,
    checkConsole,
    checkMirrors,
  ],
};

const report = new Report();
const folder = await mkdtemp(join(tmpdir(), "entrepot-clients-"));
// Nothing of the run stays but the images, also when it is interrupted.
process.on("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
// Where Go installs programs, such as crane, oras, regctl, cosign and helm.
process.env.PATH += delimiter + join(process.env.GOPATH ?? join(homedir(), "go"), "bin");
// Clients find no account, and no setting, of this machine's user, and leave nothing behind.
Object.assign(process.env, { HOME: folder, XDG_RUNTIME_DIR: folder, TMPDIR: folder });
// Entrepot, and the commands, find no .dev.vars.
process.chdir(checkout(folder));
const only = process.argv.slice(2).map((name) => `check${name}`.toLowerCase());
const logFiles = new Set<string>();
let images: Images | undefined;
await report.check("the images are there", async () => {
  images = await prepareImages(folder);
});
if (images) {
  const made = images;
  await Promise.all(Object.entries(LANES).map((lane) => runLane(...lane, made)));
}
await killAll();
if (report.hasFailed) await showComplaints();
report.end();

async function runLane(name: string, groups: Group[], images: Images): Promise<void> {
  const chosen = groups.filter(
    (group) => only.length === 0 || only.includes(group.name.toLowerCase()),
  );
  if (chosen.length === 0) return;
  let stage: Stage | undefined;
  await report.check(`the servers start (${name})`, async () => {
    // A letter: podman takes no path of more than 50 characters.
    stage = await setStage(join(folder, name.charAt(0)), images, logFiles);
  });
  if (!stage) return;
  for (const group of chosen) {
    try {
      await group(stage, report);
    } catch (error) {
      // What a group needs before its first check.
      await report.check(group.name, () => Promise.reject(error));
    }
  }
}

/** What the Entrepots complained of. One that reloads, because its source is being edited, breaks what is under way. */
async function showComplaints(): Promise<void> {
  for (const file of logFiles) {
    const lines = (await readFile(file, "utf8")).split("\n");
    const said = lines.filter((line) =>
      /✘|▲|Reloading|\b(warn|error|uncaught)|^entrepot:/i.test(line),
    );
    console.log(`${file}: ${said.length} complaints\n${tail(said.join("\n"))}`);
  }
}
