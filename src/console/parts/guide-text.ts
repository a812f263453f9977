// Guide pages: their order, labels and Markdown, with the examples filled in for one deployment.

import type { Facts } from "../../setup/facts.ts";

export interface GuidePage {
  /** The page is at /guide/NAME, and in the repository at src/guide/NAME.md. */
  name: string;
  /** Label in the navigation. The title is the page's first heading. */
  label: string;
  /** Imported on the first request: an isolate that serves only pulls never loads the texts. */
  load(): Promise<{ default: string }>;
}

/** The page at /guide itself. GitHub shows the file for the folder. */
export const INDEX: GuidePage = {
  name: "README",
  label: "All pages",
  load: () => import("../../guide/README.md"),
};

export const GUIDE: readonly GuidePage[] = [
  { name: "clients", label: "Clients", load: () => import("../../guide/clients.md") },
  { name: "rules", label: "Rules and upstreams", load: () => import("../../guide/rules.md") },
  { name: "access", label: "Access", load: () => import("../../guide/access.md") },
  { name: "lifecycle", label: "Lifecycle", load: () => import("../../guide/lifecycle.md") },
  { name: "trust", label: "Trust", load: () => import("../../guide/trust.md") },
  { name: "operations", label: "Operations", load: () => import("../../guide/operations.md") },
  {
    name: "troubleshooting",
    label: "Troubleshooting",
    load: () => import("../../guide/troubleshooting.md"),
  },
  { name: "costs", label: "Costs", load: () => import("../../guide/costs.md") },
  { name: "performance", label: "Performance", load: () => import("../../guide/performance.md") },
  { name: "platform", label: "Platform", load: () => import("../../guide/platform.md") },
  { name: "api", label: "API", load: () => import("../../guide/api.md") },
  {
    name: "reference",
    label: "Configuration reference",
    load: () => import("../../guide/reference.md"),
  },
];

/** The address that stands for the deployment in the guide's examples. */
export const EXAMPLE_HOST = "cache.example.com";
const ADDRESS =
  /(https:\/\/)?(?<![\w.-])cache\.example\.com(?![\w-]|\.\w)(?:(\/v2)?\/([a-z0-9.-]+\.[a-z]+)(?![\w.-]))?/g;
/** A command of the CLI, whose image names begin with a rule's prefix; to the end of its line. */
const COMMAND = /npm run (?:entrepot|tokens|lifecycle|catalog) -- .*/g;
const REGISTRY = /(?<![\w./:@-])([a-z0-9-]+(?:\.[a-z0-9-]+)+)\//g;

/** Replaces the example address and the examples' registries with the deployment's own. A registry without a rule keeps its name.
 * @param text a whole leaf of the page: a code block, a code span, or text */
export function filledIn(text: string, { url, host, mirrored }: Facts): string {
  const locations = new Map(mirrored.map(({ registry, location }) => [registry, location]));
  const prefixFor = (registry: string) =>
    locations.get(registry)?.slice(host.length) ?? `/${registry}`;
  return text
    .replace(COMMAND, (command) =>
      command.replace(REGISTRY, (_, name) => `${prefixFor(name)}/`.slice(1)),
    )
    .replace(ADDRESS, (_, scheme = "", version = "", registry = "") => {
      const path = registry === "" ? "" : prefixFor(registry);
      return (scheme === "" ? host : url) + version + path;
    });
}
