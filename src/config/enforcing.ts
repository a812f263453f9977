// Enforcing rules: those that refuse an image which a check of age, signature or vulnerabilities finds fault with. A client that has the
// cache as a mirror goes round such a refusal, unless its configuration leaves no way to the registry.

import { hasOfficialImages } from "./docker-hub.ts";
import type { Rule } from "./rule.ts";
import type { TrustMode } from "./trust-mode.ts";

/** The checks of a rule, each absent where it is not configured. */
interface Checks {
  minimumAge?: { mode: TrustMode };
  verify?: { mode: TrustMode };
  vulnerabilities?: { mode: TrustMode };
}

/** Whether the rule enforces any of its checks. */
export function enforces({ minimumAge, verify, vulnerabilities }: Rule & Checks): boolean {
  return [minimumAge, verify, vulnerabilities].some((check) => check?.mode === "enforce");
}

/** The warning of `check` where rules enforce; undefined where none does. */
export function mirrorWarning(rules: readonly Rule[]): string | undefined {
  const enforcing = rules.filter(enforces);
  if (enforcing.length === 0) return undefined;
  const names = enforcing.map(({ name }) => name).join(", ");
  const dockerd = enforcing.find((rule) => rule.default && hasOfficialImages(rule));
  return [
    `${names}: enforced, but a client with a mirror asks the registry itself for what the mirror refuses.`,
    "Use the files of /setup, which leave no way to the registry: server in hosts.toml (containerd), disable-default-registry-endpoint (k3s, RKE2), location in registries.conf (Podman, CRI-O).",
    "dockerd's registry-mirrors, BuildKit's mirrors and GKE's registryHosts cannot enforce: name the cache in image references, and block the registries on the network.",
    ...(dockerd
      ? [`${dockerd.name} is the default rule: what dockerd pulls by it, it can pull past it.`]
      : []),
  ].join(" ");
}
