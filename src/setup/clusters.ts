// Setup of clusters and pipelines: pull secrets, rewritten image names, charts and CI systems.

import { buildkitMirrors, type Client, script, TOKEN } from "./client.ts";
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
    "In each namespace: for pods whose images have names of this cache. Mirrors of containerd need none: their nodes have the header.",
  ],
  lines: (facts) =>
    facts.login
      ? [
          ...script(facts),
          SECRET(facts),
          `kubectl patch serviceaccount default -p '{"imagePullSecrets":[{"name":"entrepot"}]}'`,
        ]
      : ["# None is needed: everybody may pull here."],
};

const kustomize: Client = {
  name: "kustomize",
  title: "Kustomize: names that lead through here",
  notes: () => [
    "A part of kustomization.yaml, an entry for each image: Kustomize has no patterns of names. Short names of Docker Hub are library/… here.",
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
  title: "Kyverno: every pod's images by names that lead through here",
  notes: () => [
    "kubectl apply -f -; it changes pods as they are admitted. Names are whole in images.containers: docker.io/library/…",
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
  title: "Helm: charts from here, and their images",
  notes: () => [
    "Charts that are OCI artifacts are pulled as images are. Which value names a chart's registry is the chart's own.",
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
  notes: ({ login }) => [
    "Steps of a job.",
    ...(login
      ? [
          "The secret ENTREPOT_TOKEN is a pull token; or no secret at all, with AUTH.issuers and an OIDC token.",
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
    "A part of .gitlab-ci.yml.",
    ...(login
      ? [
          'And a masked variable DOCKER_AUTH_CONFIG, which the runner pulls with: {"auths":{"HOST":{"auth":"…"}}}, the value of: printf \'token:entrepot_…\' | base64',
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
