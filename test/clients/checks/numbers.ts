// Prewarming, and numbers: skopeo's pulls without the upstream, the report and /metrics, which agree, and Prometheus' own tool, which reads what
// the cache and the guide say.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isInstalled, run } from "../command.ts";
import { expectEqual, expectSilence } from "../expect.ts";
import { BUSYBOX } from "../images.ts";
import { type Report, Skip } from "../report.ts";
import type { Stage } from "../stage.ts";

const GUIDE = join(import.meta.dirname, "../../../src/guide/operations.md");
const SERVED = ["hit", "miss", "collapsed", "stale"];

export async function checkNumbers(stage: Stage, report: Report): Promise<void> {
  const { folder } = stage;
  const entrepot = await stage.startEntrepot("numbers", {
    METRICS_TOKEN: "a-metrics-token-of-the-clients-01",
  });
  const url = `http://${entrepot.address}`;
  const metrics = async () => (await fetch(`${url}/metrics`)).text();
  const pulled = async (at: number) => {
    const from = `docker://${entrepot.address}/up/${BUSYBOX.repository}:${BUSYBOX.tag}`;
    const to = `dir:${join(folder, `numbers-${at}`)}`;
    await run("skopeo", ["copy", "-q", "--src-tls-verify=false", "--all", from, to]);
  };
  const asked = async <T>(...args: string[]): Promise<T> => {
    const all = ["src/cli/entrepot.ts", ...args, "--url", url, "--json"];
    return JSON.parse((await run(process.execPath, all)).stdout.toString());
  };

  await report.check("what was prewarmed is pulled by skopeo without its upstream", async () => {
    const reference = `up/${BUSYBOX.repository}:${BUSYBOX.tag}`;
    const job = await asked<{ state: string; bytes: { done: number; total: number } }>(
      ...["prewarm", "start", reference, "--platform", "all"],
    );
    expectEqual("state of the job", job.state, "done");
    expectEqual("bytes", job.bytes.done, job.bytes.total);
    expectSilence(await stage.open.log.during(() => pulled(0)));
  });

  await report.check(
    "the report, the statistics and /metrics agree on skopeo's pulls",
    async () => {
      for (let at = 1; at < 4; at++) await pulled(at);
      await sleep(1_000); // what npm start counts is told within 200 ms
      const { saved } = await asked<{ saved: { pulls: number; bytesServed: number } }>("report");
      const { rows } = await asked<{ rows: { pulls: number }[] }>("stats", "--by", "rule");
      const text = await metrics();
      const sum = (name: string, wanted: (labels: string) => boolean) =>
        [...text.matchAll(new RegExp(`^${name}\\{(.*)\\} (\\S+)$`, "gm"))]
          .filter(([, labels = ""]) => wanted(labels))
          .reduce((all, [, , value]) => all + Number(value), 0);
      const pulls = sum("entrepot_pulls_total", (labels) =>
        SERVED.some((result) => labels.includes(`result="${result}"`)),
      );
      if (saved.pulls < 3) throw new Error(`the report has ${saved.pulls} pulls`);
      expectEqual("pulls of /metrics", pulls, saved.pulls);
      expectEqual("pulls of the statistics", rows[0]?.pulls, saved.pulls);
      const bytes = sum("entrepot_served_bytes_total", () => true);
      expectEqual("bytes of /metrics", bytes, saved.bytesServed);
    },
  );

  await report.check("promtool finds nothing wrong with /metrics", async () => {
    const file = join(folder, "metrics.txt");
    await writeFile(file, await metrics());
    await promtool(`promtool check metrics < ${file}`);
  });

  await report.check("promtool takes the guide's scrape configuration and its alerts", async () => {
    const blocks = [...(await readFile(GUIDE, "utf8")).matchAll(/```yaml\n(.*?)```/gs)];
    const of = (word: string) =>
      blocks.flatMap(([, text = ""]) => (text.startsWith(word) ? text : []));
    for (const [word, what] of [
      ["scrape_configs:", "config --syntax-only"],
      ["groups:", "rules"],
    ] as const) {
      const [text] = of(word);
      if (text === undefined) throw new Error(`the guide has no block that begins with ${word}`);
      const file = join(folder, `${word.slice(0, 6)}.yml`);
      await writeFile(file, text);
      await promtool(`promtool check ${what} ${file}`);
    }
  });
}

async function promtool(command: string): Promise<void> {
  if (!isInstalled("promtool")) throw new Skip("promtool is not installed");
  await run("sh", ["-c", command]);
}
