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
import { checkSkopeo } from "./checks/skopeo.ts";
import { tail } from "./command.ts";
import { killAll } from "./groups.ts";
import { Report } from "./report.ts";
import { type Stage, setStage } from "./stage.ts";

/** What is cold comes first; each next group finds more of the images warm. */
const GROUPS = [
  checkCold,
  checkNaming,
  checkSkopeo,
  checkPodman,
  checkContainerd,
  checkDockerd,
  checkLocked,
  checkAccess,
  checkSetup,
  checkConsole,
  checkApi,
  checkCommands,
  checkCompany,
  checkArtifacts,
  checkConformance,
  checkFallback,
  checkMirrors,
  checkOutage,
  checkKilled,
  checkEdge,
  checkLifecycle,
  checkNumbers,
];

const report = new Report();
const folder = await mkdtemp(join(tmpdir(), "entrepot-clients-run-"));
// Nothing of the run stays but the images, also when it is interrupted.
process.on("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
// Where Go installs programs, such as crane, oras, regctl, cosign and helm.
process.env.PATH += delimiter + join(process.env.GOPATH ?? join(homedir(), "go"), "bin");
// Clients find no account, and no setting, of this machine's user, and leave nothing behind.
Object.assign(process.env, { HOME: folder, XDG_RUNTIME_DIR: folder, TMPDIR: folder });
// Entrepot, and the commands, find no .dev.vars.
process.chdir(checkout(folder));
let stage: Stage | undefined;
await report.check("the servers start, and the images are there", async () => {
  stage = await setStage(folder);
});
if (stage) {
  const only = process.argv.slice(2).map((name) => `check${name}`.toLowerCase());
  for (const group of GROUPS) {
    if (only.length > 0 && !only.includes(group.name.toLowerCase())) continue;
    try {
      await group(stage, report);
    } catch (error) {
      // What a group needs before its first check.
      await report.check(group.name, () => Promise.reject(error));
    }
  }
}
await killAll();
if (stage && report.hasFailed) await showComplaints(stage);
report.end();

/** What the Entrepots complained of. One that reloads, because its source is being edited, breaks what is under way. */
async function showComplaints({ logFiles }: Stage): Promise<void> {
  for (const file of logFiles) {
    const lines = (await readFile(file, "utf8")).split("\n");
    const said = lines.filter((line) =>
      /✘|▲|Reloading|\b(warn|error|uncaught)|^entrepot:/i.test(line),
    );
    console.log(`${file}: ${said.length} complaints\n${tail(said.join("\n"))}`);
  }
}
