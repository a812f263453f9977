// The official conformance suite, which reads through Entrepot and pushes to the registry behind it: nothing that passes
// directly fails here.

import { join } from "node:path";
import type { Report } from "../report.ts";
import { startSplitter } from "../splitter.ts";
import { FRESH, type Stage } from "../stage.ts";
import { buildSuite, type Results, runSuite } from "../suite.ts";

/** In ms, beyond what the rule says of freshness. */
const MARGIN = 50;
/** Tests that are about reading, by the last part of their names; what is pushed is the registry's own business. */
const READING =
  /\/(ping|tag[ -]list|referrers|get-missing|by-digest|by-tag|manifest-get|(blob|manifest)-(get|head)\S*|range \S+|(head|pull)\/.*)$/;

/** That many reads pass directly at docker-registry 2.8, and some more. */
const LEAST_READS = 280;

export async function checkConformance(stage: Stage, report: Report): Promise<void> {
  const { fresh, entrepot, folder } = stage;
  await report.check("the OCI conformance suite, reading through Entrepot", async () => {
    const program = await buildSuite();
    const at = (registry: string, namespace: string) =>
      runSuite(program, registry, namespace, join(folder, `suite-${registry}`));
    const splitter = await startSplitter(entrepot.address, fresh.address, FRESH.ttl + MARGIN);
    const [directly, through] = await Promise.all([
      at(fresh.address, "direct"),
      at(splitter.address, `${FRESH.prefix}/conformance`),
    ]);
    splitter.close();
    const worse = [...through].flatMap(([name, outcomes]) => {
      const bad = outcomes.filter(({ passed }) => !passed);
      const before = (directly.get(name) ?? []).filter(({ passed }) => !passed);
      return bad.length > before.length ? [`${name}: ${bad.at(-1)?.reason}`] : [];
    });
    if (worse.length > 0) throw new Error(`worse than directly:\n${worse.join("\n")}`);
    // A suite that came to nothing is no success.
    for (const [how, results] of Object.entries({ directly, through })) {
      const reads = passing(results, READING);
      if (reads < LEAST_READS) throw new Error(`${how} ${reads} reads pass, of ${LEAST_READS}`);
    }
    return `${passing(through)} tests pass, ${passing(through, READING)} of them reads; directly ${passing(directly)} and ${passing(directly, READING)}`;
  });
}

function passing(results: Results, which = /./): number {
  const some = [...results].filter(([name]) => which.test(name));
  return some.flatMap(([, outcomes]) => outcomes).filter(({ passed }) => passed).length;
}
