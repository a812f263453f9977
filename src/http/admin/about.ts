// API route about the deployment: version, bindings, authentication, and rules that cannot be used.

import type { Limits } from "../../access/limits/limits.ts";
import { about } from "../../api/about.ts";
import type { Config } from "../../config/read.ts";
import { ROOT_WARNING } from "../../config/trusted-root.ts";
import { VERSION } from "../../config/version.ts";
import { rootEndOf } from "../../signatures/released.ts";
import type { Admin } from "./admin.ts";
import { type Api, add } from "./routes.ts";

/** By a binding's name, a call that succeeds if the binding works. */
export type Probes = Record<string, () => Promise<unknown>>;

/** Which bindings the deployment has. */
interface Bindings {
  readonly probes: () => Probes;
  /** Which rate limits are bound. */
  readonly limits: Limits["bound"];
}

export function addAbout(
  api: Api,
  config: () => Config,
  admin: Admin,
  { probes, limits }: Bindings,
): void {
  add(
    api,
    {
      method: "get",
      path: "/about",
      summary: "Returns how this deployment is configured and whether its bindings answer",
      answer: about,
    },
    async (_, { req }) => {
      const { auth, rules, offline } = config();
      const trustedRoot = rootState(rootEndOf(config()), Date.now());
      const { who, role } = admin.person(req.raw);
      return {
        now: new Date().toISOString(),
        version: VERSION,
        you: { who, role },
        bindings: await Promise.all(Object.entries(probes()).map(bindingState)),
        auth: {
          mode: auth.mode,
          issuers: [...new Set(auth.issuers.map(({ issuer }) => issuer))],
          access: auth.access !== undefined,
        },
        limits,
        offline,
        ...(trustedRoot && { trustedRoot }),
        rules: rules.length,
        problems: rules.flatMap(({ rule, problem }) =>
          problem === undefined ? [] : [{ rule: rule.name, problem }],
        ),
      };
    },
  );
}

async function bindingState([name, ask]: [string, Probes[string]]) {
  try {
    await ask();
    return { name, good: true };
  } catch (error) {
    return { name, good: false, problem: (error as Error).message };
  }
}

function rootState(end: number | undefined, now: number) {
  if (end === undefined) return undefined;
  return { ends: new Date(end).toISOString(), endsSoon: end - now < ROOT_WARNING };
}
