// An upstream that has gone: what was pulled through Entrepot before is pulled again, and labelled. And `offline = true`.

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { run } from "../command.ts";
import { hostsDir, nameOf } from "../ctr.ts";
import { expectEqual, expectMatch, expectSilence } from "../expect.ts";
import { BUSYBOX, TAGGED } from "../images.ts";
import { verifyDir } from "../landed.ts";
import type { Report } from "../report.ts";
import { OFFLINE, type Stage, TWIN, UP } from "../stage.ts";
import { ACCEPT, manifestAt, urlOf } from "../upstream.ts";

/** Tags of an image that was never pulled; five are asked for, and more only until a cooldown is told. */
const TAGS = ["v01", "v02", "v03", "v04", "v05", "v06", "v07", "v08"] as const;
/** In ms: for how long an upstream that is back may go unnoticed. */
const MINUTE = 60_000;

export async function checkOutage(stage: Stage, report: Report): Promise<void> {
  const { open, twin, entrepot, folder, ctr } = stage;
  const { digest } = await manifestAt(`${open.address}/${BUSYBOX.repository}`, BUSYBOX.tag);
  const through = await hostsDir(join(folder, "outage"), {
    [TWIN.ns]: { mirror: `http://${entrepot.address}` },
    [UP.ns]: { mirror: `http://${entrepot.address}` },
    [OFFLINE.ns]: { mirror: `http://${entrepot.address}` },
  });
  /** By tag, into places that hold nothing yet. */
  const pullTwice = async (when: string, { prefix, ns }: { prefix: string; ns: string }) => {
    const dir = join(folder, `outage-${when}`);
    const name = nameOf(`${entrepot.address}/${prefix}`, BUSYBOX);
    const flags = ["--quiet", "--preserve-digests", "--src-tls-verify=false"];
    await run("skopeo", ["copy", ...flags, `docker://${name}`, `dir:${dir}`]);
    await verifyDir(dir, digest);
    await ctr.pull(when, nameOf(ns, BUSYBOX), through);
    expectEqual("digest", await ctr.digest(when, nameOf(ns, BUSYBOX)), digest);
  };
  const tagAt = (prefix: string, { repository, tag }: typeof BUSYBOX) =>
    urlOf(`${entrepot.address}/${prefix}/${repository}`, "manifests", tag);

  await report.check("skopeo copy and ctr images pull, before the outage", async () => {
    await pullTwice("before", TWIN);
    await pullTwice("online", UP);
  });
  await twin.kill();
  await sleep(TWIN.ttl + 100);
  await report.check("the same, by a stale tag, after the upstream was killed", () =>
    pullTwice("after", TWIN),
  );
  await report.check("curl -I says how old that is, and why it is not younger", async () => {
    const headers = await curlHead(tagAt(TWIN.prefix, BUSYBOX));
    expectMatch("the answer", headers, /^HTTP\/1\.1 200/);
    expectMatch("Age", headers, /^Age: [1-9]\d*$/im);
    expectMatch("Warning", headers, /^Warning: 299 - ".* ago"$/im);
    expectMatch("Cache-Status", headers, /^Cache-Status: entrepot; hit; fwd=stale$/im);
  });
  await report.check("what was not pulled before is 502, 503 or 504, at once", async () => {
    let isTold = false;
    for (const [at, tag] of TAGS.entries()) {
      if (at >= 5 && isTold) break;
      const start = performance.now();
      const headers = await curlHead(tagAt(TWIN.prefix, { ...TAGGED, tag }));
      expectMatch(`the answer to ${tag}`, headers, /^HTTP\/1\.1 50[234]/);
      expectEqual("within two seconds", performance.now() - start < 2_000, true);
      // After three failures in a row. On a slow machine the first pause of a second ends in between, and a request tries again.
      if (at >= 3) isTold ||= /^Retry-After: [1-9]/im.test(headers);
    }
    expectEqual("a cooldown is told", isTold, true);
  });
  await report.check("the upstream is back: noticed within a minute", async () => {
    await stage.restartTwin();
    const start = performance.now();
    while (/^Warning:/im.test(await curlHead(tagAt(TWIN.prefix, BUSYBOX)))) {
      if (performance.now() - start > MINUTE) throw new Error("there is still a Warning");
      await sleep(500);
    }
    return `after ${((performance.now() - start) / 1000).toFixed(1)} s`;
  });

  await report.check("skopeo copy and ctr images pull by a rule that is offline", async () => {
    expectSilence(await open.log.during(() => pullTwice("offline", OFFLINE)));
  });
  await report.check(
    "curl -I says so; what is not here is 404, and the upstream not asked",
    async () => {
      const asked = await open.log.during(async () => {
        const headers = await curlHead(tagAt(OFFLINE.prefix, BUSYBOX));
        expectMatch("Age", headers, /^Age: [1-9]\d*$/im);
        expectMatch("Warning", headers, /^Warning: 299 - ".* offline; .* ago"$/im);
        expectMatch("Cache-Status", headers, /^Cache-Status: entrepot; hit; fwd=stale$/im);
        const missing = await fetch(tagAt(OFFLINE.prefix, { ...TAGGED, tag: TAGS[0] }));
        expectEqual("status of what is not here", missing.status, 404);
        expectMatch("its message", await missing.text(), /offline/);
      });
      expectSilence(asked);
    },
  );
}

async function curlHead(url: string): Promise<string> {
  const { stdout } = await run("curl", ["-sSI", "-H", `Accept: ${ACCEPT}`, url]);
  return stdout.toString().replaceAll("\r", "");
}
