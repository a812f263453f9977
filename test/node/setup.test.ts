// What `/setup` prints for names that are attacks, handed straight to what prints it, past the grammar of hosts: shells run it and do
// nothing else than they would for good names, and parsers read the names that were given.

import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { parse as parseToml } from "smol-toml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse as parseYaml } from "yaml";
import { CLIENTS, setupOf } from "../../src/setup/clients.ts";
import type { Facts } from "../../src/setup/facts.ts";

/** Each leaves a file of this name behind where a shell takes it for more than a word. */
const CANARY = "pwned";
const ATTACKS = [
  "$({touch,pwned})",
  "$(touch pwned)",
  "`touch pwned`",
  "\\$(touch pwned)",
  "\\\\`touch pwned`",
  "'; touch pwned; '",
  '"; touch pwned; "',
  '"$(touch pwned)"',
  "; touch pwned #",
  "\ntouch pwned\n",
  "\nEND\ntouch pwned\n: <<END\n",
  "\nEND_\ntouch pwned\n",
  "&& touch pwned",
  "| touch pwned",
  "$'\\ntouch pwned'",
  "$" + "{x:-$(touch pwned)}",
  "$((a[$(touch pwned)]))",
  "\r\ntouch pwned\r\n",
  "../../outside",
  "..",
  "~",
  "*",
  "[a]",
  "{a,b}",
  "%0",
  "!!",
  "-x",
  "#",
  ": ",
  "- a",
  "&a *a",
  '"]\n[[registry]]\n',
  '"""',
  "'''",
  '\\"',
  "\\",
  "\\u0022",
  "{{ element.name }}",
  "}}",
  "$" + "{{ secrets.ENTREPOT_TOKEN }}",
  "%{ if true }",
  "$ENTREPOT_TOKEN",
  "$$",
  "$1",
  "\t",
  "\b",
  "\u007f",
  "\u0085",
  "\u2028",
  "\ufeff",
  "\ud800",
  "\u{1f600}",
];
const piece = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...ATTACKS) },
  fc.string({ unit: "binary", maxLength: 4 }),
  fc.constantFrom("registry.example.com", "a", ":5000", "[::1]"),
);
/** A file's name is of 255 bytes at most. */
const hostile = fc
  .array(piece, { minLength: 1, maxLength: 4 })
  .map((pieces) => pieces.join("").replaceAll("\0", ""))
  .filter((text) => !text.includes("/etc/") && Buffer.byteLength(text) < 200);
const facts: fc.Arbitrary<Facts> = fc
  .record({
    url: hostile.map((host) => `https://${host}`),
    host: hostile,
    insecure: fc.boolean(),
    hubIsDefault: fc.boolean(),
    login: fc.boolean(),
    enforces: fc.boolean(),
    mirrored: fc.uniqueArray(fc.record({ registry: hostile, location: hostile }), {
      selector: ({ registry }) => registry.toWellFormed(),
      minLength: 1,
      maxLength: 3,
    }),
  })
  .filter(({ host, mirrored }) => mirrored.every(({ registry }) => registry !== host));

const TOKEN = "entrepot_of-the-test";
const BASIC = Buffer.from(`token:${TOKEN}`).toString("base64");
/** What scripts call, that is not to be called here. */
const PROGRAMS = ["docker", "podman", "buildah", "kubectl", "helm", "kind", "minikube"];

let root = "";
let count = 0;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "setup-"));
  mkdirSync(join(root, "bin"));
  // Its arguments, each with a NUL behind it.
  const program = `#!/bin/sh\nfor word in "$@"; do printf '%s\\0' "$word"; done >> "$CALLED"\n`;
  for (const name of PROGRAMS) writeFileSync(join(root, "bin", name), program, { mode: 0o755 });
});
afterAll(() => rmSync(root, { recursive: true }));

interface Ran {
  folder: string;
  /** The words of all that was called. */
  called: string[];
  read(path: string): string;
}

/** Runs a script in a folder of its own, which `/etc` and the home are in. */
function ran(shell: string, text: string): Ran {
  count += 1;
  const folder = join(root, `${count}`);
  for (const part of ["etc/crio", "home", "work"])
    mkdirSync(join(folder, part), { recursive: true });
  const script = join(folder, "script");
  const called = join(folder, "called");
  writeFileSync(script, text.replaceAll(/(?<=[\s"])\/etc\//g, `${folder}/etc/`));
  const env = {
    PATH: `${join(root, "bin")}:/usr/bin:/bin`,
    HOME: join(folder, "home"),
    ENTREPOT_TOKEN: TOKEN,
    CALLED: called,
    LC_ALL: "C.UTF-8",
  };
  const options = { env, cwd: join(folder, "work"), stdio: "pipe" } as const;
  execFileSync(shell, ["-n", script], options);
  execFileSync(shell, [script], options);
  const left = readdirSync(folder, { recursive: true, encoding: "utf8" });
  expect(left.filter((path) => path.split("/").at(-1) === CANARY)).toEqual([]);
  expect(readdirSync(root).filter((name) => !/^(bin|\d+)$/.test(name))).toEqual([]);
  return {
    folder,
    called: existsSync(called) ? readFileSync(called, "utf8").split("\0").slice(0, -1) : [],
    read: (path) => readFileSync(join(folder, path), "utf8"),
  };
}

/** As it is read back: what is no character is U+FFFD. */
const well = (text: string) => text.toWellFormed();
const wellOf = ({ url, host, mirrored, ...facts }: Facts): Facts => ({
  ...facts,
  url: well(url),
  host: well(host),
  mirrored: mirrored.map(({ registry, location }) => ({
    registry: well(registry),
    location: well(location),
  })),
});

function textOf(name: string, given: Facts): string {
  const client = CLIENTS.find((one) => one.name === name);
  if (!client) throw new Error(`there is no ${name}`);
  return setupOf(client, given);
}

/** One part of the name of a path. */
function part(registry: string): string {
  const name = registry.replaceAll("/", "_");
  return /^\.*$/.test(name) ? `_${name}` : name;
}

/** Where a rule enforces, the cache is also the server, which is asked last; else that is the registry. */
function expectHosts({ read }: Ran, folder: string, given: Facts): void {
  const { url, mirrored, login, enforces } = given;
  const header = login ? { header: { Authorization: [`Basic ${BASIC}`] } } : {};
  const cache = { capabilities: ["pull", "resolve"], ...header };
  for (const { registry } of mirrored)
    expect(parseToml(read(`${folder}/${part(registry)}/hosts.toml`))).toEqual({
      ...(enforces && { server: url, ...cache }),
      host: { [url]: cache },
    });
}

function expectMirrors(text: string, { mirrored, insecure, enforces }: Facts): void {
  expect(parseToml(text)).toEqual({
    registry: mirrored.map(({ registry, location }) => {
      const cache = { location, ...(insecure && { insecure }) };
      return { prefix: registry, ...(enforces ? cache : { location: registry, mirror: [cache] }) };
    }),
  });
}

function expectBuildkit(text: string, { mirrored, insecure, host }: Facts, plain: boolean): void {
  const own = plain && insecure ? [[host, { http: true }]] : [];
  const mirrors = mirrored.map(({ registry, location }) => [registry, { mirrors: [location] }]);
  expect(parseToml(text)).toEqual({ registry: Object.fromEntries([...mirrors, ...own]) });
}

function expectRancher({ read, folder }: Ran, name: string, given: Facts): void {
  const { url, host, mirrored, login, enforces } = given;
  const auth = { username: "token", password: TOKEN };
  const config = `etc/rancher/${name}/config.yaml.d/entrepot.yaml`;
  if (enforces)
    expect(parseYaml(read(config))).toEqual({ "disable-default-registry-endpoint": true });
  else expect(existsSync(join(folder, config))).toBe(false);
  expect(parseYaml(read(`etc/rancher/${name}/registries.yaml`))).toEqual({
    mirrors: Object.fromEntries(mirrored.map(({ registry }) => [registry, { endpoint: [url] }])),
    ...(login && { configs: { [host]: { auth } } }),
  });
}

const loginTo = ({ login, host }: Facts, ...flags: string[]) =>
  login ? ["login", "-u", "token", "--password-stdin", ...flags, host] : [];
const plainFlag = ({ insecure }: Facts) => (insecure ? ["--tls-verify=false"] : []);

const SCRIPTS: Record<string, (one: Ran, facts: Facts) => void> = {
  containerd: (one, given) => expectHosts(one, "etc/containerd/certs.d", given),
  eks: (one, given) => expectHosts(one, "etc/containerd/certs.d", given),
  minikube: (one, given) => expectHosts(one, "home/.minikube/files/etc/containerd/certs.d", given),
  kind: (one, given) => {
    expectHosts(one, "work/entrepot-certs.d", given);
    const { nodes } = parseYaml(one.read("work/entrepot-kind.yaml"));
    expect(nodes[0].extraMounts[0].hostPath).toBe(join(one.folder, "work/entrepot-certs.d"));
  },
  k3s: (one, given) => expectRancher(one, "k3s", given),
  rke2: (one, given) => expectRancher(one, "rke2", given),
  dockerd: ({ read }, { url }) =>
    expect(JSON.parse(read("etc/docker/daemon.json"))).toEqual({ "registry-mirrors": [url] }),
  docker: ({ called }, given) =>
    expect(called).toEqual([
      ...loginTo(given),
      ...["pull", `${given.mirrored[0]?.location}/library/alpine:latest`],
    ]),
  podman: ({ read, called }, given) => {
    expectMirrors(read("etc/containers/registries.conf.d/entrepot.conf"), given);
    expect(called).toEqual(loginTo(given, ...plainFlag(given)));
  },
  buildah: ({ read, called }, given) => {
    expectMirrors(read("etc/containers/registries.conf.d/entrepot.conf"), given);
    expect(called).toEqual(loginTo(given, ...plainFlag(given)));
  },
  "cri-o": ({ read }, given) => {
    expectMirrors(read("etc/containers/registries.conf.d/entrepot.conf"), given);
    if (given.login)
      expect(JSON.parse(read("etc/crio/auth.json"))).toEqual({
        auths: { [given.host]: { auth: BASIC } },
      });
  },
  buildkit: ({ read, called }, given) => {
    expectBuildkit(read("work/entrepot-buildkitd.toml"), given, true);
    expect(called.slice(0, -7)).toEqual(loginTo(given));
  },
  kubernetes: ({ called }, { login, host }) => {
    if (login) expect(called).toContain(`--docker-server=${host}`);
    else expect(called).toEqual([]);
  },
  helm: ({ called }, { mirrored, host, login }) => {
    const chart = `oci://${mirrored[0]?.location}/bitnamicharts/nginx`;
    expect(called.filter((word) => word === chart)).toHaveLength(2);
    expect(called).toContain(`global.imageRegistry=${mirrored[0]?.location}`);
    if (login) expect(called).toContain(host);
  },
};

/** `'…'`, or a JSON string between backticks: none of them can end early, or end the expression that it is in. */
function jmespathOf(literal: string): string {
  if (/^'[^'\\{}]*'$/.test(literal)) return literal.slice(1, -1);
  expect(literal).toMatch(/^`"(?:[\w./:-]|\\u[0-9a-f]{4})*"`$/);
  return JSON.parse(literal.slice(1, -1));
}

const FILES: Record<string, (text: string, facts: Facts) => void> = {
  gke: (text, { host, mirrored }) =>
    expect(parseYaml(text).registryHosts).toMatchObject(
      mirrored.map(({ registry }) => ({ server: registry, hosts: [{ host }] })),
    ),
  kustomize: (text, { mirrored }) =>
    expect(parseYaml(text)).toEqual({
      images: mirrored.map(({ registry, location }) => ({
        name: `${registry}/acme/app`,
        newName: `${location}/acme/app`,
      })),
    }),
  kyverno: (text, { mirrored }) => {
    const { rules } = parseYaml(text).spec;
    expect(rules).toHaveLength(2 * mirrored.length);
    for (const [at, { registry, location }] of mirrored.entries()) {
      const [each] = rules[2 * at + 1].mutate.foreach;
      const { value } = each.preconditions.all[0];
      expect(value.replaceAll("\\{{", "{{")).toBe(registry);
      expect(value).not.toMatch(/(?<!\\)\{\{/);
      const [container] = each.patchStrategicMerge.spec.containers;
      const call =
        /^\{\{ regex_replace_all\((.*), images\.containers\."\{\{ element\.name \}\}"\.reference, (.*)\) \}\}$/s;
      const [, from = "", to = ""] = call.exec(container.image) ?? [];
      const image = `${registry}/acme/app`;
      const replaced = image.replace(new RegExp(jmespathOf(from), "u"), jmespathOf(to));
      expect(replaced).toBe(`${location}/acme/app`);
    }
  },
  "github-actions": (text, given) => {
    const { steps } = parseYaml(text);
    const { "buildkitd-config-inline": inline } = steps.at(-1).with;
    expectBuildkit(inline, given, false);
    expect(inline).not.toContain("${{");
    if (!given.login) return;
    const { registry } = steps[0].with;
    const open = "$" + "{{";
    const quoted = `${open} '${open}' }}`;
    expect(registry.replaceAll(quoted, open)).toBe(given.host);
    expect(registry.replaceAll(quoted, "")).not.toContain(open);
  },
  "gitlab-ci": (text, { mirrored }) => {
    const { image } = parseYaml(text).default;
    expect(image).toMatch(/^(?:[^$]|\$\$)*$/);
    expect(image.replaceAll("$$", "$")).toBe(`${mirrored[0]?.location}/library/alpine:latest`);
  },
  nomad: (text, { mirrored }) => {
    // HCL: JSON's strings, with `\U` and eight digits besides, and templates, whose braces must not occur.
    const [, image = ""] = /^ {4}image = ("(?:[^"\\{}\n]|\\.)*")$/m.exec(text) ?? [];
    const json = image.replaceAll(/\\U([0-9a-f]{8})/g, (_, code) =>
      String.fromCodePoint(Number.parseInt(code, 16)),
    );
    expect(JSON.parse(json)).toBe(`${mirrored[0]?.location}/library/alpine:latest`);
    const [config = ""] = /^ {2}config \{\n.*?^ {4}image = .*?\n/ms.exec(text) ?? [];
    expect(config.match(/[{}]/g)).toEqual(["{"]);
  },
};

it("every client is of one kind", () => {
  const known = [...Object.keys(SCRIPTS), ...Object.keys(FILES)];
  expect(known.sort()).toEqual(CLIENTS.map(({ name }) => name).sort());
});

describe.each(Object.entries(SCRIPTS))("the script for %s", (name, check) => {
  it("does for any name what it does for a good one", () => {
    fc.assert(
      fc.property(facts, fc.constantFrom("bash", "sh"), (given, shell) => {
        const one = ran(shell, textOf(name, given));
        check(one, wellOf(given));
        rmSync(one.folder, { recursive: true });
      }),
      { numRuns: 30 },
    );
  });
});

describe.each(Object.entries(FILES))("the file for %s", (name, check) => {
  it("says any name as it is", () => {
    fc.assert(
      fc.property(facts, (given) => {
        check(textOf(name, given), wellOf(given));
      }),
      { numRuns: 300 },
    );
  });
});
