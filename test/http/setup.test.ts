// What `/setup` prints: for each client, for this cache's address and rules, with a login where there is one, and no secret.

import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { CLIENTS } from "../../src/setup/clients.ts";
import { ADMIN, api, bearer, shut, shutCache, VIEWER } from "../support/access.ts";
import { Cache } from "../support/cache.ts";

const RULES = [
  { prefix: "docker.io", upstream: "docker.io", default: true },
  { prefix: "ghcr.io", upstream: "ghcr.io" },
  { prefix: "mirrored", shadow: true, upstream: "https://harbor.example.com/hub", ns: ["quay.io"] },
  { host: "own.mirror.example.com", upstream: "registry.example.com" },
];
const shutOne = shutCache({ RULES });
const open = new Cache({
  ...shut(),
  RULES,
  AUTH: JSON.stringify({ mode: "open", acknowledgeOpen: true }),
});
const ask = (cache: Cache, path: string, headers: Record<string, string> = bearer(ADMIN)) =>
  cache.ask(`https://mirror.example.com${path}`, { headers });
const printed = async (cache: Cache, path: string) => {
  const response = await ask(cache, path);
  expect([path, response.status]).toEqual([path, 200]);
  return response.text();
};
/** Without its comments. */
const yamlOf = async (name: string) => parse(await printed(open, `/setup/${name}`));

describe.each(CLIENTS.map(({ name }) => name))("%s", (name) => {
  it("names this cache and its registries, and no secret; the token's variable where one logs in", async () => {
    const [without, with_] = [
      await printed(open, `/setup/${name}`),
      await printed(shutOne, `/setup/${name}`),
    ];
    for (const text of [without, with_]) {
      expect(text).toMatch(/^#.*\n/);
      expect(text).not.toMatch(/undefined|\[object|own\.mirror|registry-1\.docker\.io/);
      expect(text).not.toContain(ADMIN);
    }
    expect(with_).toContain("mirror.example.com");
    expect(without).not.toContain("ENTREPOT_TOKEN");
    expect(await printed(open, `/setup/${name}?login=true`)).toBe(with_);
    expect(await printed(shutOne, `/setup/${name}?login=false`)).toBe(without);
  });
});

it("containerd's has a file for each registry, with the header", async () => {
  const text = await printed(shutOne, "/setup/containerd");
  expect(text).toContain("for registry in docker.io ghcr.io quay.io; do");
  expect(text).toContain(
    '[host."https://mirror.example.com"]\n  capabilities = ["pull", "resolve"]',
  );
  expect(text).toContain('Authorization = ["Basic $basic"]');
});

it("the mirrors of registries.conf and BuildKit have the rules' prefixes", async () => {
  for (const name of ["podman", "buildkit", "github-actions"]) {
    const text = await printed(open, `/setup/${name}`);
    for (const location of ["docker.io", "ghcr.io", "mirrored"])
      expect(text).toContain(`"mirror.example.com/${location}"`);
  }
});

it("what is YAML is YAML, and says what it should", async () => {
  expect(await yamlOf("gke")).toMatchObject({
    registryHosts: [
      { server: "docker.io", hosts: [{ host: "mirror.example.com" }] },
      { server: "ghcr.io" },
      { server: "quay.io" },
    ],
  });
  expect(await yamlOf("kustomize")).toMatchObject({
    images: [
      { name: "docker.io/acme/app", newName: "mirror.example.com/docker.io/acme/app" },
      { name: "ghcr.io/acme/app" },
      { name: "quay.io/acme/app", newName: "mirror.example.com/mirrored/acme/app" },
    ],
  });
  const { spec } = await yamlOf("kyverno");
  expect(spec.rules).toHaveLength(6);
  expect(spec.rules[1].mutate.foreach[0].patchStrategicMerge.spec.containers[0].image).toBe(
    `{{ regex_replace_all('^docker[.]io/', images.containers."{{ element.name }}".reference, 'mirror.example.com/docker.io/') }}`,
  );
  expect(await yamlOf("github-actions")).toMatchObject({ steps: [{ with: {} }] });
  expect(await yamlOf("gitlab-ci")).toEqual({
    default: { image: "mirror.example.com/docker.io/library/alpine:latest" },
  });
  const k3s = await printed(shutOne, "/setup/k3s");
  expect(parse(/<<END\n(.*)\nEND$/ms.exec(k3s)?.[1] ?? "")).toEqual({
    mirrors: {
      "docker.io": { endpoint: ["https://mirror.example.com"] },
      "ghcr.io": { endpoint: ["https://mirror.example.com"] },
      "quay.io": { endpoint: ["https://mirror.example.com"] },
    },
    configs: {
      "mirror.example.com": { auth: { username: "token", password: "$ENTREPOT_TOKEN" } },
    },
  });
});

describe("where a check is enforced", () => {
  const one = (name: string) => printed(shutOne, `/setup/${name}?enforce=true`);

  it("containerd's file has the cache in the registry's place, with the header", async () => {
    for (const name of ["containerd", "eks", "kind", "minikube"]) {
      const text = await one(name);
      expect(text).toContain(
        'server = "https://mirror.example.com"\ncapabilities = ["pull", "resolve"]\n[header]\n  Authorization = ["Basic $basic"]\n[host."https://mirror.example.com"]\n',
      );
      expect(await printed(shutOne, `/setup/${name}`)).not.toContain("server =");
      expect(text).toContain("leaves no way to the registries");
    }
  });

  it("k3s and RKE2 do without the registry's own endpoint", async () => {
    for (const name of ["k3s", "rke2"]) {
      const text = await one(name);
      expect(text).toContain(
        `cat > "/etc/rancher/${name}/config.yaml.d/entrepot.yaml" <<'END'\ndisable-default-registry-endpoint: true\nEND`,
      );
      expect(await printed(shutOne, `/setup/${name}`)).not.toContain("disable-default");
    }
  });

  it("Podman, Buildah and CRI-O have the cache as the location, and no mirror", async () => {
    for (const name of ["podman", "buildah", "cri-o"]) {
      const text = await one(name);
      expect(text).toContain('prefix = "docker.io"\nlocation = "mirror.example.com/docker.io"');
      expect(text).not.toContain("registry.mirror");
    }
  });

  it("clients that cannot do without the registry: the file says so, and what to do", async () => {
    for (const name of ["dockerd", "buildkit", "github-actions", "gke"]) {
      const text = await one(name);
      expect(text).toMatch(/cannot enforce: .* asks .* for what this cache refuses/);
      expect(text).toContain("name this cache in image references instead");
      expect(await printed(shutOne, `/setup/${name}`)).not.toContain("cannot enforce");
    }
  });
});

it("dockerd's says where Docker Hub's rule is not the default one", async () => {
  const other = new Cache({ ...shut(), RULES: RULES.slice(1) });
  expect(await printed(open, "/setup/dockerd")).not.toContain("default = true");
  expect(await printed(other, "/setup/dockerd")).toContain("default = true");
  const upstream = { upstream: "harbor.example.com", upstreamPrefix: "hub-proxy", default: true };
  const proxy = new Cache({ ...shut(), RULES: [{ ...upstream, dockerHub: true }] });
  expect(await printed(proxy, "/setup/dockerd")).not.toContain("default = true");
  const elsewhere = new Cache({ ...shut(), RULES: [upstream] });
  expect(await printed(elsewhere, "/setup/dockerd")).toContain("default = true");
});

it("the list has each client by its address", async () => {
  const text = await printed(open, "/setup");
  for (const { name } of CLIENTS)
    expect(text).toMatch(new RegExp(`^https://mirror.example.com/setup/${name} +\\S`, "m"));
  expect(text.trimEnd().split("\n")).toHaveLength(CLIENTS.length);
});

it("a name that is a command is none of a registry, by whatever way it comes", async () => {
  const upstream = "https://x$({touch,pwned}).example.com";
  for (const fields of [
    { upstream },
    { upstream: "registry.example.com", ns: "$(id)" },
    { upstream: "registry.example.com", realm: "a;id" },
  ])
    for (const path of ["rules", "rules/validate"]) {
      const response = await api(shutOne, "POST", path, { prefix: "added-x", ...fields });
      expect([path, response.status]).toEqual([path, 400]);
    }
  expect(await printed(shutOne, "/setup/containerd")).not.toContain("pwned");
});

it.each(["/v2/", "/token", "/setup", "/guide/clients", "/", "/api/about", "/metrics"])(
  "a host that is a command is refused: %s",
  async (path) => {
    const response = await open.ask(`https://$(id).example.com${path}`, { headers: bearer(ADMIN) });
    expect([response.status, await response.text()]).toEqual([
      400,
      expect.stringContaining("invalid Host header"),
    ]);
    expect(response.headers.get("www-authenticate")).toBeNull();
  },
);

it("is for viewers and admins, and refuses unknown parameters", async () => {
  expect((await ask(shutOne, "/setup", {})).status).toBe(401);
  expect((await ask(shutOne, "/setup/containerd", {})).status).toBe(401);
  expect((await ask(shutOne, "/setup/containerd", bearer(VIEWER))).status).toBe(200);
  const unknown = await ask(open, "/setup/rocket");
  expect([unknown.status, await unknown.text()]).toEqual([
    404,
    expect.stringContaining("there are containerd, k3s"),
  ]);
  for (const query of ["?login=yes", "?auth=true", "?enforce=1", "?login=true&enforce="])
    expect((await ask(open, `/setup/k3s${query}`)).status).toBe(400);
  const posted = await open.ask("https://mirror.example.com/setup/k3s", {
    method: "POST",
    headers: bearer(ADMIN),
  });
  expect([posted.status, posted.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  const injected = await open.ask("https://$(id).example.com/setup/k3s", {
    headers: bearer(ADMIN),
  });
  expect(injected.status).toBe(400);
});
