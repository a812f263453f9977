// What `/setup` prints, used as it is printed: the shell runs it, and containerd and podman pull through what it has written.

import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../command.ts";
import { nameOf } from "../ctr.ts";
import { expectEqual, expectMatch } from "../expect.ts";
import { BUSYBOX } from "../images.ts";
import type { Report } from "../report.ts";
import { type Stage, UP } from "../stage.ts";
import { manifestAt } from "../upstream.ts";
import { optionsFor } from "./podman.ts";

const ADMIN_TOKEN = "an-admin-token-of-the-clients-0123";

export async function checkSetup(stage: Stage, report: Report): Promise<void> {
  const { open, folder, ctr, startEntrepot } = stage;
  const shut = await startEntrepot("setup", {
    RULES: [{ ...UP, shadow: true, upstream: `http://${open.address}` }],
    AUTH: { mode: "token" },
    ADMIN_TOKEN,
  });
  const url = `http://${shut.address}`;
  const bearer = { Authorization: `Bearer ${ADMIN_TOKEN}` };
  const printed = async (client: string) => {
    const response = await fetch(`${url}/setup/${client}`, { headers: bearer });
    if (!response.ok) throw new Error(`${client}: ${response.status} ${await response.text()}`);
    return response.text();
  };
  const made = await fetch(`${url}/api/tokens`, {
    method: "POST",
    headers: bearer,
    body: JSON.stringify({ name: "setup", repositories: [`${UP.prefix}/**`] }),
  });
  const { token } = (await made.json()) as { token: string };
  const { digest } = await manifestAt(`${open.address}/${BUSYBOX.repository}`, BUSYBOX.tag);
  const name = nameOf(UP.ns, BUSYBOX);

  await report.check("/setup/containerd, as it is printed, and ctr images pull", async () => {
    const folderOfHosts = join(folder, "setup-certs.d");
    const env = { CERTS_D: folderOfHosts, ENTREPOT_TOKEN: token };
    await run("sh", ["-c", await printed("containerd")], { env });
    await ctr.pull("setup", name, ["--hosts-dir", folderOfHosts]);
    expectEqual("digest", await ctr.digest("setup", name), digest);
  });

  await report.check("/setup/podman, as it is printed, and podman pull", async () => {
    const registries = join(folder, "setup-registries.d");
    const env = {
      REGISTRIES_D: registries,
      ENTREPOT_TOKEN: token,
      REGISTRY_AUTH_FILE: join(folder, "setup-auth.json"),
    };
    await run("sh", ["-c", await printed("podman")], { env });
    const podman = (...args: string[]) =>
      run("podman", [...optionsFor(join(folder, "podman-setup")), ...args], {
        env: { ...env, CONTAINERS_REGISTRIES_CONF: join(registries, "entrepot.conf") },
      });
    // There is no registry of that name but the mirror.
    await podman("pull", "--quiet", name);
    const said = await podman("image", "inspect", "--format", "{{.Digest}}", name);
    expectEqual("digest", said.stdout.toString().trim(), digest);
  });

  await report.check("/setup/dockerd writes JSON, and over nothing that is there", async () => {
    const env = { DOCKER_ETC: join(folder, "setup-docker") };
    const script = await printed("dockerd");
    await run("sh", ["-c", script], { env });
    const file = join(env.DOCKER_ETC, "daemon.json");
    expectEqual(
      "daemon.json",
      JSON.parse(await readFile(file, "utf8"))["registry-mirrors"][0],
      url,
    );
    const again = await run("sh", ["-c", script], { env }).catch((error: Error) => error);
    expectMatch("again", (again as Error).message, /already exists/);
  });

  await report.check("every script of /setup is one that the shell can read", async () => {
    const list = await (await fetch(`${url}/setup`, { headers: bearer })).text();
    for (const [, client = ""] of list.matchAll(/\/setup\/(\S+)/g)) {
      const script = await printed(client);
      if (script.includes("\nset -eu\n")) await run("sh", ["-n", "-c", script]);
    }
  });

  await report.check("/setup stops where the token is missing, and writes nothing", async () => {
    const env = { CERTS_D: join(folder, "setup-without") };
    const failed = await run("sh", ["-c", await printed("containerd")], { env }).catch(
      (error: Error) => error,
    );
    expectMatch("without a token", (failed as Error).message, /ENTREPOT_TOKEN/);
    const there = await access(env.CERTS_D).then(
      () => true,
      () => false,
    );
    expectEqual("written", there, false);
  });
}
