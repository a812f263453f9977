// Setup of clusters and pipelines: pull secrets, rewritten image names, charts and CI systems.

import { BUILDKIT_CANNOT, buildkitMirrors, type Client, script, TOKEN } from "./client.ts";
import type { Facts } from "./facts.ts";
import {
  gitlabCi,
  jmespath,
  kyverno as kyvernoText,
  pattern,
  shell,
  workflow,
  yaml,
} from "./quote.ts";

const SECRET = ({ host }: Facts) =>
  `kubectl create secret docker-registry entrepot --docker-server=${shell(host)} --docker-username=token --docker-password="${TOKEN}"`;

const secret: Client = {
  name: "kubernetes",
  title: "Kubernetes: the pull secret",
  notes: () => [
    "Run in each namespace whose pods use images under this cache's name. containerd mirrors need no pull secret: the nodes send the header.",
  ],
  lines: (facts) =>
    facts.login
      ? [
          ...script(facts),
          SECRET(facts),
          `kubectl patch serviceaccount default -p '{"imagePullSecrets":[{"name":"entrepot"}]}'`,
        ]
      : ["# Not needed: anyone may pull from this cache."],
};

const kustomize: Client = {
  name: "kustomize",
  title: "Kustomize: image names through this cache",
  notes: () => [
    "Part of kustomization.yaml, one entry per image: Kustomize has no name patterns. Docker Hub's short names are library/… here.",
  ],
  lines: ({ mirrored }) => [
    "images:",
    ...mirrored.flatMap(({ registry, location }) => [
      `- name: ${yaml(`${registry}/acme/app`)}`,
      `  newName: ${yaml(`${location}/acme/app`)}`,
    ]),
  ],
};

/** A Kyverno expression that rewrites an image name so that it is pulled through the cache. */
function renamed(list: string, registry: string, location: string): string {
  const from = jmespath(`^${pattern(registry)}/`);
  const to = jmespath(`${location}/`.replaceAll("$", "$$$$")); // `$1` is a group of the pattern's
  return `{{ regex_replace_all(${from}, images.${list}."{{ element.name }}".reference, ${to}) }}`;
}

const kyverno: Client = {
  name: "kyverno",
  title: "Kyverno: every pod's images through this cache",
  notes: () => [
    "Apply with kubectl apply -f -; it changes pods on admission. Names in images.containers are complete: docker.io/library/…",
  ],
  lines: ({ mirrored }) => [
    "apiVersion: kyverno.io/v1",
    "kind: ClusterPolicy",
    "metadata:",
    "  name: entrepot",
    "spec:",
    "  rules:",
    ...mirrored.flatMap(({ registry, location }) =>
      ["initContainers", "containers"].flatMap((list) => [
        `  - name: ${list.toLowerCase()}-${registry.replaceAll(/[^a-z0-9]/g, "-")}`,
        "    match:",
        "      any:",
        "      - resources:",
        '          kinds: ["Pod"]',
        '          operations: ["CREATE", "UPDATE"]',
        "    preconditions:",
        "      all:",
        `      - key: "{{ request.object.spec.${list}[] || \`[]\` | length(@) }}"`,
        "        operator: GreaterThanOrEquals",
        "        value: 1",
        "    mutate:",
        "      foreach:",
        `      - list: "request.object.spec.${list}"`,
        "        preconditions:",
        "          all:",
        `          - key: "{{ images.${list}.\\"{{ element.name }}\\".registry }}"`,
        "            operator: Equals",
        `            value: ${kyvernoText(registry)}`,
        "        patchStrategicMerge:",
        "          spec:",
        `            ${list}:`,
        '            - name: "{{ element.name }}"',
        `              image: ${yaml(renamed(list, registry, location))}`,
      ]),
    ),
  ],
};

const helm: Client = {
  name: "helm",
  title: "Helm: charts and their images through this cache",
  notes: () => [
    "Charts that are OCI artifacts are pulled like images. Which value sets a chart's image registry depends on the chart.",
  ],
  lines: (facts) => {
    const [first] = facts.mirrored;
    const plain = facts.insecure ? " --plain-http" : "";
    const chart = shell(`oci://${first?.location}/bitnamicharts/nginx`) + plain;
    return [
      ...script(facts),
      ...(facts.login
        ? [
            `printf %s "${TOKEN}" | helm registry login -u token --password-stdin ${shell(facts.host)}${plain}`,
          ]
        : []),
      ...(first
        ? [
            `helm pull ${chart}`,
            `helm install nginx ${chart} --set global.imageRegistry=${shell(first.location)}`,
          ]
        : []),
    ];
  },
};

const github: Client = {
  name: "github-actions",
  title: "GitHub Actions",
  notes: ({ login, enforces }) => [
    "Steps of a job.",
    ...(enforces ? [BUILDKIT_CANNOT] : []),
    ...(login
      ? [
          "The secret ENTREPOT_TOKEN holds a pull token. With AUTH.issuers, an OIDC token replaces it.",
        ]
      : []),
  ],
  lines: (facts) => [
    "steps:",
    ...(facts.login
      ? [
          "- uses: docker/login-action@v3",
          "  with:",
          `    registry: ${workflow(facts.host)}`,
          "    username: token",
          "    password: $" + "{{ secrets.ENTREPOT_TOKEN }}",
        ]
      : []),
    "- uses: docker/setup-buildx-action@v3",
    "  with:",
    "    buildkitd-config-inline: |",
    ...buildkitMirrors(facts).map((line) => `      ${line}`),
  ],
};

const gitlab: Client = {
  name: "gitlab-ci",
  title: "GitLab CI",
  notes: ({ login }) => [
    "Part of .gitlab-ci.yml.",
    ...(login
      ? [
          'Also set a masked variable DOCKER_AUTH_CONFIG, which the runner pulls with: {"auths":{"HOST":{"auth":"…"}}}, where … is the output of: printf \'token:entrepot_…\' | base64',
        ]
      : []),
  ],
  lines: ({ mirrored }) => [
    "default:",
    ...mirrored
      .slice(0, 1)
      .map(({ location }) => `  image: ${gitlabCi(`${location}/library/alpine:latest`)}`),
  ],
};

export const CLUSTERS: readonly Client[] = [secret, kustomize, kyverno, helm, github, gitlab];
