// A refusal that clients cannot go round: what `/setup` prints where a rule enforces, used as it is printed, while the upstream can be reached.

import { join } from "node:path";
import type { Asked } from "../access-log.ts";
import { run } from "../command.ts";
import { nameOf } from "../ctr.ts";
import { expectEqual, expectMatch, expectSilence } from "../expect.ts";
import { BUSYBOX, FALLEN, type Image } from "../images.ts";
import type { Report } from "../report.ts";
import { type Stage, UP } from "../stage.ts";
import { manifestAt } from "../upstream.ts";
import { optionsFor } from "./podman.ts";

const ADMIN_TOKEN = "an-admin-token-of-the-clients-0123";
const REFUSED = FALLEN;
const SERVED = BUSYBOX;

export async function checkEnforced(stage: Stage, report: Report): Promise<void> {
  const { open, folder, ctr, startEntrepot } = stage;
  const upstream = `http://${open.address}`;
  const shut = await startEntrepot("enforced", {
    RULES: [
      {
        prefix: UP.prefix,
        shadow: true,
        upstream,
        minimumAge: "3d",
        minimumAgeFirst: "refuse",
        minimumAgeExcept: [SERVED.repository],
      },
    ],
    AUTH: { mode: "token" },
    ADMIN_TOKEN,
  });
  const url = `http://${shut.address}`;
  const bearer = { Authorization: `Bearer ${ADMIN_TOKEN}` };
  const made = await fetch(`${url}/api/tokens`, {
    method: "POST",
    headers: bearer,
    body: JSON.stringify({ name: "enforced", repositories: [`${UP.prefix}/**`] }),
  });
  const { token } = (await made.json()) as { token: string };
  /** The rule enforces, so that this is what is printed where nothing else is asked for. */
  const printed = async (client: string, enforce: boolean) => {
    const query = enforce ? "" : "?enforce=false";
    return (await fetch(`${url}/setup/${client}${query}`, { headers: bearer })).text();
  };
  // Named by its own address, the upstream is what a client falls back to.
  const named = (image: Image) => nameOf(open.address, image);
  const digestOf = async ({ repository, tag }: Image) =>
    (await manifestAt(`${open.address}/${repository}`, tag)).digest;
  /** What the client itself, and not Entrepot, asks the upstream while it pulls. */
  const past = async (agent: string, pull: () => Promise<void>): Promise<Asked[]> =>
    (await open.log.during(pull)).filter((asked) => asked.agent.includes(agent));
  const refusal = async (pull: () => Promise<unknown>): Promise<void> => {
    const error = await pull().then(
      () => new Error("it was pulled"),
      (failure: Error) => failure,
    );
    expectMatch("the pull's failure", error.message, /403|denied|DENIED/);
  };

  const hosts = async (enforce: boolean) => {
    const certs = join(folder, `enforced-${enforce}-certs.d`);
    const env = { CERTS_D: certs, ENTREPOT_TOKEN: token };
    await run("sh", ["-c", await printed("containerd", enforce)], { env });
    return ["--hosts-dir", certs];
  };

  await report.check("ctr images pull goes round a refusal where the file lets it", async () => {
    const flags = await hosts(false);
    const asked = await past("containerd/", async () => {
      await ctr.pull("past", named(REFUSED), flags);
    });
    expectEqual("digest", await ctr.digest("past", named(REFUSED)), await digestOf(REFUSED));
    if (asked.length === 0) throw new Error("containerd did not ask the upstream");
  });

  await report.check(
    "ctr images pull of a refused image fails, the upstream not asked",
    async () => {
      const flags = await hosts(true);
      const asked = await past("containerd/", async () => {
        await refusal(() => ctr.pull("enforced", named(REFUSED), flags));
        await ctr.pull("enforced", named(SERVED), flags);
      });
      expectSilence(asked);
      expectEqual("refused", await ctr.digest("enforced", named(REFUSED)), undefined);
      expectEqual("served", await ctr.digest("enforced", named(SERVED)), await digestOf(SERVED));
    },
  );

  const podman = async (enforce: boolean) => {
    const registries = join(folder, `enforced-${enforce}-registries.d`);
    const env = {
      REGISTRIES_D: registries,
      ENTREPOT_TOKEN: token,
      REGISTRY_AUTH_FILE: join(folder, `enforced-${enforce}-auth.json`),
      CONTAINERS_REGISTRIES_CONF: join(registries, "entrepot.conf"),
    };
    const storage = join(folder, `podman-${enforce ? 1 : 0}`); // podman takes 50 characters
    await run("sh", ["-c", await printed("podman", enforce)], {
      env: { ...env, CONTAINERS_REGISTRIES_CONF: "/dev/null" },
    });
    return (image: Image) =>
      run(
        "podman",
        [...optionsFor(storage), "pull", "--quiet", "--tls-verify=false", named(image)],
        {
          env,
        },
      );
  };

  await report.check("podman pull goes round a refusal where the file lets it", async () => {
    const pull = await podman(false);
    const asked = await past("containers/", async () => void (await pull(REFUSED)));
    if (asked.length === 0) throw new Error("podman did not ask the upstream");
  });

  await report.check("podman pull of a refused image fails, the upstream not asked", async () => {
    const pull = await podman(true);
    const asked = await past("containers/", async () => {
      await refusal(() => pull(REFUSED));
      await pull(SERVED);
    });
    expectSilence(asked);
  });
}
