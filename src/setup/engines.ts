// Setup of container engines and builders: Docker, Podman and related tools, BuildKit, Nomad.

import {
  buildkitMirrors,
  type Client,
  encodedIn,
  expanded,
  file,
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
    "As root. dockerd asks mirrors for Docker Hub's images alone; other registries are pulled by their prefixed names.",
    ...(facts.hubIsDefault
      ? []
      : [
          "Docker Hub's rule has to be the default one (default = true), and it is not: so this would find nothing yet.",
        ]),
    ...(facts.login
      ? [
          "dockerd sends a mirror no login: let Docker Hub's rule name your networks (networks = […]), or a secretHost, to be written here instead.",
        ]
      : []),
    "It replaces daemon.json: where there is one, add the line to it instead.",
  ],
  lines: (facts) => [
    "set -eu",
    'folder="$(printenv DOCKER_ETC || echo /etc/docker)"',
    'mkdir -p "$folder"',
    '[ ! -e "$folder/daemon.json" ] || { echo "$folder/daemon.json is there already" >&2; exit 1; }',
    ...file("$folder/daemon.json", [`{ "registry-mirrors": [${json(facts.url)}] }`]),
    "# then: systemctl reload docker",
  ],
};

const docker: Client = {
  name: "docker",
  title: "Docker: prefixed names",
  notes: () => ["On any machine with Docker, without a change of its daemon."],
  lines: (facts) => [
    ...script(facts),
    ...login("docker", facts),
    ...facts.mirrored
      .slice(0, 1)
      .map(({ location }) => `docker pull ${shell(`${location}/library/alpine:latest`)}`),
  ],
};

function registriesConf({ mirrored, insecure }: Facts): string[] {
  return mirrored.flatMap(({ registry, location }) => [
    "[[registry]]",
    `prefix = ${toml(registry)}`,
    `location = ${toml(registry)}`,
    "[[registry.mirror]]",
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
  notes: () => notes,
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
    "As root for all users; for yourself with REGISTRIES_D=$HOME/.config/containers/registries.conf.d",
  ],
  (facts) => login("podman", facts, "--tls-verify=false "),
);
const buildah = containers(
  "buildah",
  "Buildah, Skopeo",
  ["The same file as Podman's; a login of one of them is that of all."],
  (facts) => login("buildah", facts, "--tls-verify=false "),
);
const crio = containers(
  "cri-o",
  "CRI-O",
  [
    "As root, on every node; then: systemctl reload crio",
    'Its login for a mirror is in global_auth_file: in /etc/crio/crio.conf.d, [crio.image] global_auth_file = "/etc/crio/auth.json"',
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
  notes: () => [
    "For docker buildx: a builder that has this configuration. What it pulls it pulls with your docker login.",
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
  notes: () => [
    'A part of a job. For all jobs of a node: its dockerd\'s registry-mirrors, or auth { config = "…" } of the docker plugin.',
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
