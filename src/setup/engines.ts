// Setup of container engines and builders: Docker, Podman and related tools, BuildKit, Nomad.

import {
  BUILDKIT_CANNOT,
  buildkitMirrors,
  CANNOT_ENFORCE,
  type Client,
  encodedIn,
  expanded,
  file,
  NO_FALLBACK,
  script,
  TOKEN,
} from "./client.ts";
import type { Facts } from "./facts.ts";
import { hcl, json, shell, toml } from "./quote.ts";

const login = (command: string, { host, login: wanted, insecure }: Facts, plain = ""): string[] =>
  wanted
    ? [
        `printf %s "${TOKEN}" | ${command} login -u token --password-stdin ${insecure ? plain : ""}${shell(host)}`,
      ]
    : [];

const dockerd: Client = {
  name: "dockerd",
  title: "Docker: registry-mirrors",
  notes: (facts) => [
    "Run as root. dockerd uses mirrors for Docker Hub only; pull from other registries by prefixed names.",
    ...(facts.enforces
      ? [
          `registry-mirrors cannot enforce: dockerd asks Docker Hub itself for what this cache refuses; ${CANNOT_ENFORCE}`,
        ]
      : []),
    ...(facts.hubIsDefault
      ? []
      : [
          "Docker Hub's rule must be the default rule (default = true). It is not, so this mirror finds nothing yet.",
        ]),
    ...(facts.login
      ? [
          "dockerd sends no credentials to mirrors: add your networks to Docker Hub's rule (networks = […]), or give it a secretHost and use that host here.",
        ]
      : []),
    "It creates daemon.json: if the file exists, add the line to it instead.",
  ],
  lines: (facts) => [
    "set -eu",
    'folder="$(printenv DOCKER_ETC || echo /etc/docker)"',
    'mkdir -p "$folder"',
    '[ ! -e "$folder/daemon.json" ] || { echo "$folder/daemon.json already exists" >&2; exit 1; }',
    ...file("$folder/daemon.json", [`{ "registry-mirrors": [${json(facts.url)}] }`]),
    "# then: systemctl reload docker",
  ],
};

const docker: Client = {
  name: "docker",
  title: "Docker: prefixed names",
  notes: () => ["Works on any machine with Docker, without changing its daemon."],
  lines: (facts) => [
    ...script(facts),
    ...login("docker", facts),
    ...facts.mirrored
      .slice(0, 1)
      .map(({ location }) => `docker pull ${shell(`${location}/library/alpine:latest`)}`),
  ],
};

/** With a mirror, the registry's own location is the last that is tried (containers-registries.conf(5)); so the cache is the location
 * itself where a rule enforces. */
function registriesConf({ mirrored, insecure, enforces }: Facts): string[] {
  return mirrored.flatMap(({ registry, location }) => [
    "[[registry]]",
    `prefix = ${toml(registry)}`,
    ...(enforces ? [] : [`location = ${toml(registry)}`, "[[registry.mirror]]"]),
    `location = ${toml(location)}`,
    ...(insecure ? ["insecure = true"] : []),
    "",
  ]);
}

const containers = (
  name: string,
  title: string,
  notes: string[],
  more: (facts: Facts) => string[],
): Client => ({
  name,
  title: `${title}: registries.conf`,
  notes: ({ enforces }) => [...(enforces ? [NO_FALLBACK] : []), ...notes],
  lines: (facts) => [
    ...script(facts),
    'folder="$(printenv REGISTRIES_D || echo /etc/containers/registries.conf.d)"',
    'mkdir -p "$folder"',
    ...file("$folder/entrepot.conf", registriesConf(facts)),
    ...more(facts),
  ],
});

const podman = containers(
  "podman",
  "Podman",
  [
    "Run as root for all users; for one user, set REGISTRIES_D=$HOME/.config/containers/registries.conf.d",
  ],
  (facts) => login("podman", facts, "--tls-verify=false "),
);
const buildah = containers(
  "buildah",
  "Buildah, Skopeo",
  ["Uses the same file and the same login as Podman."],
  (facts) => login("buildah", facts, "--tls-verify=false "),
);
const crio = containers(
  "cri-o",
  "CRI-O",
  [
    "Run as root on every node; then: systemctl reload crio",
    'CRI-O reads the login for a mirror from global_auth_file; set in /etc/crio/crio.conf.d: [crio.image] global_auth_file = "/etc/crio/auth.json"',
  ],
  ({ host, login: wanted }) =>
    wanted
      ? [
          encodedIn("auth"),
          ...file(
            "/etc/crio/auth.json",
            [`{ "auths": { ${json(host)}: {`, expanded('  "auth": "$auth"'), "} } }"],
            true,
          ),
        ]
      : [],
);

const buildkit: Client = {
  name: "buildkit",
  title: "BuildKit: buildkitd.toml",
  notes: ({ enforces }) => [
    ...(enforces ? [BUILDKIT_CANNOT] : []),
    "Creates a docker buildx builder with this configuration. It pulls with your docker login.",
  ],
  lines: (facts) => [
    ...script(facts),
    ...file("entrepot-buildkitd.toml", [
      ...buildkitMirrors(facts),
      ...(facts.insecure ? [`[registry.${toml(facts.host)}]`, "  http = true"] : []),
    ]),
    ...login("docker", facts),
    "docker buildx create --use --name entrepot --buildkitd-config entrepot-buildkitd.toml",
  ],
};

const nomad: Client = {
  name: "nomad",
  title: "Nomad: a task's image",
  notes: ({ enforces }) => [
    enforces
      ? 'Part of a job. dockerd\'s registry-mirrors cannot enforce. For the login of all jobs of a node: auth { config = "…" } of the docker plugin.'
      : 'Part of a job. For all jobs of a node, use dockerd\'s registry-mirrors, or auth { config = "…" } of the docker plugin.',
  ],
  lines: ({ mirrored, login: wanted }) => [
    'task "app" {',
    '  driver = "docker"',
    ...(wanted
      ? [
          "  template {",
          '    data        = "ENTREPOT_TOKEN={{ with nomadVar \\"nomad/jobs\\" }}{{ .entrepot_token }}{{ end }}"',
          '    destination = "secrets/entrepot.env"',
          "    env         = true",
          "  }",
        ]
      : []),
    "  config {",
    ...mirrored
      .slice(0, 1)
      .map(({ location }) => `    image = ${hcl(`${location}/library/alpine:latest`)}`),
    ...(wanted
      ? ["    auth {", '      username = "token"', `      password = "\${ENTREPOT_TOKEN}"`, "    }"]
      : []),
    "  }",
    "}",
  ],
};

export const ENGINES: readonly Client[] = [dockerd, docker, podman, buildah, crio, buildkit, nomad];
