// Setup of cluster nodes: containerd's `hosts.toml`, and its variants for k3s, RKE2, EKS, GKE, kind and minikube.

import {
  CANNOT_ENFORCE,
  type Client,
  type Expanded,
  encodedIn,
  expanded,
  file,
  NO_FALLBACK,
  script,
  TOKEN,
} from "./client.ts";
import type { Facts } from "./facts.ts";
import { fileName, shell, toml, yaml } from "./quote.ts";

/** One `hosts.toml`, the same for every registry, since containerd names the registry in its requests (`?ns=`). The server is asked
 * last, and is the registry unless the file says otherwise (containerd's docs/hosts.md). A file with a server alone is unreadable to
 * containerd 1.6, which then asks the registry: so the cache is both. */
function hostsToml({ url, login, enforces }: Facts): (string | Expanded)[] {
  const host = `host.${toml(url)}`;
  const capabilities = 'capabilities = ["pull", "resolve"]';
  const authorization = 'Authorization = ["Basic $basic"]';
  return [
    ...(enforces ? [`server = ${toml(url)}`, capabilities] : []),
    ...(enforces && login ? ["[header]", expanded(`  ${authorization}`)] : []),
    `[${host}]`,
    `  ${capabilities}`,
    ...(login ? [`  [${host}.header]`, expanded(`    ${authorization}`)] : []),
  ];
}

function hostsFiles(facts: Facts, folder: string): string[] {
  const registries = facts.mirrored.map(({ registry }) => shell(fileName(registry))).join(" ");
  return [
    ...(facts.login ? [encodedIn("basic")] : []),
    `for registry in ${registries}; do`,
    `mkdir -p "${folder}/$registry"`,
    ...file(`${folder}/$registry/hosts.toml`, hostsToml(facts), facts.login),
    "done",
  ];
}

const CONFIG_PATH =
  'containerd reads these files if its config.toml sets config_path = "/etc/containerd/certs.d" (the default since 2.0); no restart is needed.';
const HEADER =
  "kubelet does not send pull secrets to mirrors, so a token that may pull what the node needs is written to the node as a header.";

const containerd: Client = {
  name: "containerd",
  title: "containerd: hosts.toml",
  notes: ({ login, enforces }) => [
    `Run as root on every node. ${CONFIG_PATH}`,
    ...(enforces ? [NO_FALLBACK] : []),
    "Try it: ctr images pull --hosts-dir /etc/containerd/certs.d docker.io/library/alpine:latest",
    ...(login ? [HEADER] : []),
  ],
  lines: (facts) => [
    ...script(facts),
    'folder="$(printenv CERTS_D || echo /etc/containerd/certs.d)"',
    ...hostsFiles(facts, "$folder"),
  ],
};

function registriesYaml({ url, host, mirrored, login }: Facts): (string | Expanded)[] {
  return [
    "mirrors:",
    ...mirrored.flatMap(({ registry }) => [`  ${yaml(registry)}:`, `    endpoint: [${yaml(url)}]`]),
    ...(login
      ? [
          "configs:",
          `  ${yaml(host)}:`,
          "    auth:",
          "      username: token",
          expanded(`      password: "${TOKEN}"`),
        ]
      : []),
  ];
}

const rancher = (name: string, title: string, service: string): Client => ({
  name,
  title: `${title}: registries.yaml`,
  notes: ({ enforces }) => [
    `Run as root on every node before it starts; on a running node, then: systemctl restart ${service}.`,
    ...(enforces
      ? [
          NO_FALLBACK,
          `disable-default-registry-endpoint needs ${title} of January 2024 or later: 1.26.13, 1.27.10, 1.28.6 or 1.29.1.`,
        ]
      : []),
  ],
  lines: (facts) => [
    ...script(facts),
    `mkdir -p /etc/rancher/${name}${facts.enforces ? "/config.yaml.d" : ""}`,
    ...file(`/etc/rancher/${name}/registries.yaml`, registriesYaml(facts), facts.login),
    ...(facts.enforces
      ? file(`/etc/rancher/${name}/config.yaml.d/entrepot.yaml`, [
          "disable-default-registry-endpoint: true",
        ])
      : []),
  ],
});

const eks: Client = {
  name: "eks",
  title: "EKS (AL2023): user data of the nodes",
  notes: ({ login, enforces }) => [
    ...(enforces ? [NO_FALLBACK] : []),
    "A shell script in the launch template's user data; AL2023's containerd reads /etc/containerd/certs.d by default.",
    ...(login ? ["Read the token from your secret store first, such as Secrets Manager."] : []),
  ],
  lines: (facts) => [
    "#!/bin/sh",
    ...script(facts),
    ...hostsFiles(facts, "/etc/containerd/certs.d"),
  ],
};

const gke: Client = {
  name: "gke",
  title: "GKE: containerd's configuration of a node pool",
  notes: ({ login, enforces }) => [
    ...(enforces
      ? [
          `This file cannot enforce: on GKE, containerd asks the registry itself for what this cache refuses; ${CANNOT_ENFORCE}`,
        ]
      : []),
    "Configuration file for: gcloud container node-pools update POOL --cluster CLUSTER --containerd-config-from-file=FILE",
    ...(login
      ? [
          'GKE cannot set a header for a mirror: add the nodes\' networks to the rules (networks = ["…/32"], of your NAT).',
        ]
      : []),
  ],
  lines: ({ host, mirrored }) => [
    "registryHosts:",
    ...mirrored.flatMap(({ registry }) => [
      `- server: ${yaml(registry)}`,
      "  hosts:",
      `  - host: ${yaml(host)}`,
      '    capabilities: ["HOST_CAPABILITY_PULL", "HOST_CAPABILITY_RESOLVE"]',
      '    dialTimeout: "5s"',
    ]),
  ],
};

const kind: Client = {
  name: "kind",
  title: "kind: a cluster with the mirror on its nodes",
  notes: ({ enforces }) => [
    ...(enforces ? [NO_FALLBACK] : []),
    "The files are mounted into the nodes; in a multi-node cluster, each node needs extraMounts.",
  ],
  lines: (facts) => [
    ...script(facts),
    'folder="$PWD/entrepot-certs.d"',
    ...hostsFiles(facts, "$folder"),
    ...file("entrepot-kind.yaml", [
      "kind: Cluster",
      "apiVersion: kind.x-k8s.io/v1alpha4",
      "containerdConfigPatches:",
      "- |-",
      '  [plugins."io.containerd.grpc.v1.cri".registry]',
      '    config_path = "/etc/containerd/certs.d"',
      "nodes:",
      "- role: control-plane",
      "  extraMounts:",
      expanded('  - hostPath: "$folder"'),
      "    containerPath: /etc/containerd/certs.d",
    ]),
    "kind create cluster --config entrepot-kind.yaml",
  ],
};

const minikube: Client = {
  name: "minikube",
  title: "minikube: with containerd",
  notes: ({ enforces }) => [
    ...(enforces ? [NO_FALLBACK] : []),
    "minikube copies ~/.minikube/files into the node when it starts.",
  ],
  lines: (facts) => [
    ...script(facts),
    'folder="$HOME/.minikube/files/etc/containerd/certs.d"',
    ...hostsFiles(facts, "$folder"),
    "minikube start --container-runtime=containerd",
  ],
};

export const NODES: readonly Client[] = [
  containerd,
  rancher("k3s", "k3s", "k3s"),
  rancher("rke2", "RKE2", "rke2-server (or rke2-agent)"),
  eks,
  gke,
  kind,
  minikube,
];
