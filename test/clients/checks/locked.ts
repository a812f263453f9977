// The registry behind Basic auth: its image comes through a rule that names a secret.

import { join } from "node:path";
import { run } from "../command.ts";
import { expectEqual, expectSilence } from "../expect.ts";
import { ACCOUNT, BASIC, SECRET } from "../images.ts";
import { verifyDir } from "../landed.ts";
import type { Report } from "../report.ts";
import type { Stage } from "../stage.ts";
import { manifestAt } from "../upstream.ts";

export async function checkLocked(stage: Stage, report: Report): Promise<void> {
  const { locked, entrepot, folder } = stage;
  const copy = (to: string) =>
    run("skopeo", [
      ...["copy", "--quiet", "--preserve-digests", "--src-tls-verify=false"],
      `docker://${entrepot.address}/locked/${SECRET.repository}:${SECRET.tag}`,
      `dir:${join(folder, to)}`,
    ]);

  await report.check("skopeo copy from a registry behind Basic auth", async () => {
    const place = `${locked.address}/${SECRET.repository}`;
    const refused = await fetch(
      `http://${locked.address}/v2/${SECRET.repository}/manifests/${SECRET.tag}`,
    );
    await refused.body?.cancel();
    expectEqual("the upstream's answer without credentials", refused.status, 401);
    const expected = await manifestAt(place, SECRET.tag, { Authorization: BASIC });
    const asked = await locked.log.during(async () => void (await copy("secret")));
    expectEqual("the upstream's log shows the pull", asked.length > 0, true);
    await verifyDir(join(folder, "secret"), expected.digest);
  });

  await report.check("the same, a second time, asks the upstream for nothing", async () => {
    expectSilence(await locked.log.during(async () => void (await copy("secret-again"))));
  });

  await report.check("an answer about what is missing there does not show its secret", async () => {
    const missing = await fetch(`http://${entrepot.address}/v2/locked/team/missing/manifests/1`);
    const seen = `${JSON.stringify([...missing.headers])}${await missing.text()}`;
    for (const secret of [ACCOUNT.password, BASIC.slice("Basic ".length)]) {
      expectEqual("the answer shows the secret", seen.includes(secret), false);
    }
    expectEqual("status of a missing repository", missing.status, 404);
  });
}
