// Who may pull, by the clients' own ways of logging in: podman, skopeo, containerd, docker and curl, against a cache that wants to know.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isInstalled, run } from "../command.ts";
import { hostsDir, nameOf } from "../ctr.ts";
import { expectEqual, expectMatch } from "../expect.ts";
import { ACCOUNT, BUSYBOX, INDEX, SECRET } from "../images.ts";
import { type Issuer, startIssuer } from "../issuer.ts";
import { startDockerd } from "../processes.ts";
import type { Report } from "../report.ts";
import { LOCKED, type Stage, UP } from "../stage.ts";
import { manifestAt } from "../upstream.ts";
import { mirrorOf, optionsFor } from "./podman.ts";

const ADMIN_TOKEN = "an-admin-token-of-the-clients-0123";
const SECRET_HOST = "0123456789abcdef0123456789abcdef.mirror.example.localhost";

export async function checkAccess(stage: Stage, report: Report): Promise<void> {
  const { open, locked, folder } = stage;
  const issuer = await startIssuer();
  const shut = await startShut(stage, issuer);
  const env = { ENTREPOT_ADMIN_TOKEN: ADMIN_TOKEN };
  const url = `http://${shut.address}`;
  const tokens = async (...args: string[]) =>
    (await run("npm", ["run", "--silent", "tokens", "--", ...args, "--url", url], { env })).stdout
      .toString()
      .trim();
  const token = await tokens("create", "clients", "--repositories", `${UP.prefix}/team/*`);
  const other = await tokens("create", "other", "--repositories", "locked/**", "--expiry", "1h");
  const image = nameOf(`${shut.address}/${UP.prefix}`, BUSYBOX);
  const secret = nameOf(`${shut.address}/${LOCKED.prefix}`, SECRET);
  const { digest } = await manifestAt(`${open.address}/${BUSYBOX.repository}`, BUSYBOX.tag);
  const basic = (password: string) =>
    `Basic ${Buffer.from(`token:${password}`).toString("base64")}`;

  await report.check("a pull token is made, with a prefix that scanners know", async () => {
    expectMatch("the token", token, /^entrepot_[0-9A-Za-z]{49}$/);
    expectEqual("it is listed", (await tokens("list")).includes("clients"), true);
  });

  await report.check("podman login, pull, and logout", async () => {
    const authfile = join(folder, "podman-auth.json");
    const podman = (...args: string[]) =>
      run("podman", [...optionsFor(join(folder, "podman-login")), ...args]);
    const login = (password: string) =>
      podman(
        "login",
        "--tls-verify=false",
        "--authfile",
        authfile,
        "-u",
        "token",
        "-p",
        password,
        shut.address,
      );
    const pull = (name: string) =>
      podman("pull", "--quiet", "--tls-verify=false", "--authfile", authfile, name);
    await refused("a wrong login", () => login(`${token.slice(0, -1)}_`));
    await login(token);
    await pull(image);
    await refused("another rule's image", () => pull(secret), /denied/i);
    // A mirror of registries.conf is sent the login of its own name. There is no registry of the name itself.
    const registries = join(folder, "registries-shut.conf");
    await writeFile(registries, mirrorOf("registry.example", `${shut.address}/${UP.prefix}`));
    await run(
      "podman",
      [
        ...optionsFor(join(folder, "podman-in")),
        "pull",
        "--quiet",
        "--authfile",
        authfile,
        nameOf("registry.example", BUSYBOX),
      ],
      { env: { CONTAINERS_REGISTRIES_CONF: registries } },
    );
    await podman("logout", "--authfile", authfile, shut.address);
    await podman("image", "rm", image);
    await refused(
      "a pull after logout",
      () => pull(image),
      /unauthorized|authentication required/i,
    );
  });

  await report.check("skopeo --creds", async () => {
    const inspect = (creds: string[], name: string) =>
      run("skopeo", ["inspect", "--tls-verify=false", ...creds, `docker://${name}`]);
    const { stdout } = await inspect(["--creds", `token:${token}`], image);
    expectEqual("digest", JSON.parse(stdout.toString()).Digest, digest);
    await inspect(["--creds", `x:${other}`], secret);
    await refused("no login", () => inspect([], image));
    await refused(
      "another's image",
      () => inspect(["--creds", `token:${other}`], image),
      /denied/i,
    );
    await run("skopeo", [
      ...["copy", "--quiet", "--all", "--src-tls-verify=false", "--src-creds", `token:${token}`],
      ...[
        `docker://${nameOf(`${shut.address}/${UP.prefix}`, INDEX)}`,
        `dir:${join(folder, "skopeo-creds")}`,
      ],
    ]);
  });

  await report.check("ctr: a mirror with a header in hosts.toml", async () => {
    const name = nameOf(UP.ns, INDEX);
    const flags = (title: string, authorization?: string) =>
      hostsDir(join(folder, title), {
        [UP.ns]: { mirror: url, ...(authorization && { authorization }) },
      });
    // No server of that name answers: what is pulled has come through the mirror.
    await refused("without the header", async () =>
      stage.ctr.pull("shut-none", name, await flags("hosts-none")),
    );
    await stage.ctr.pull("shut", name, await flags("hosts-header", basic(token)));
    const expected = (await manifestAt(`${open.address}/${INDEX.repository}`, INDEX.tag)).digest;
    expectEqual("digest", await stage.ctr.digest("shut", name), expected);
  });

  await report.check("ctr --user, by the prefixed name", async () => {
    const flags = (password: string) => ["--plain-http", "--user", `token:${password}`];
    await refused("a wrong login", () => stage.ctr.pull("shut-user", image, flags("wrong")));
    await stage.ctr.pull("shut-user", image, flags(token));
    expectEqual("digest", await stage.ctr.digest("shut-user", image), digest);
  });

  await report.check("curl with an issuer's token, as GitHub Actions has one", async () => {
    const claims = {
      aud: "entrepot.example",
      sub: "repo:acme/app:ref:refs/heads/main",
      repository: "acme/app",
    };
    const curl = async (jwt: string) =>
      (
        await run("curl", [
          ...["-s", "-o", "/dev/null", "-w", "%{http_code}", "-u", `oidc:${jwt}`],
          `${url}/v2/${UP.prefix}/${BUSYBOX.repository}/manifests/${BUSYBOX.tag}`,
        ])
      ).stdout.toString();
    expectEqual("status", await curl(await issuer.sign(claims)), "200");
    expectEqual(
      "for another repository",
      await curl(await issuer.sign({ ...claims, repository: "evil/app" })),
      "401",
    );
    const creds = ["--creds", `oidc:${await issuer.sign(claims)}`];
    await run("skopeo", ["inspect", "--tls-verify=false", ...creds, `docker://${image}`]);
  });

  await report.check("a secret host, and an allowed network, want no login", async () => {
    const path = `/v2/${BUSYBOX.repository}/manifests/${BUSYBOX.tag}`;
    const status = async (...args: string[]) =>
      (
        await run("curl", ["-s", "-o", "/dev/null", "-w", "%{http_code}", ...args, `${url}${path}`])
      ).stdout.toString();
    expectEqual(
      "by the secret host",
      await status("-H", `Host: ${SECRET_HOST}`, "-H", "CF-Connecting-IP: 203.0.113.1"),
      "200",
    );
    expectEqual("from the network", await status(), "200");
    expectEqual("from elsewhere", await status("-H", "CF-Connecting-IP: 203.0.113.1"), "401");
  });

  await checkDocker(stage, report, shut.address, token);

  for (const [command, act] of companies(shut.address, token, image)) {
    if (isInstalled(command))
      await report.check(`${command} login and pull`, () => act(folder, digest));
    else report.skip(`${command} login and pull`, `${command} is not on PATH`);
  }

  await report.check("the doctor finds nothing wrong, and pulls cold and warm", async () => {
    const args = ["run", "--silent", "entrepot", "--", "doctor", "--url", url];
    const named = nameOf(LOCKED.prefix, SECRET);
    const { output } = await run("npm", [...args, "--image", named], { env });
    expectMatch("the doctor's word", output, /pulls need a pull token or a token of http/);
    expectMatch("the doctor's word", output, /second pull: .* in \d+ ms \(\d × entrepot-\w+; hit/);
    expectEqual("something is wrong", output.includes("✘"), false);
    expectEqual("its token is left", (await tokens("list")).split("doctor  valid").length, 1);
  });

  await report.check("a token that is revoked is good for nothing within a minute", async () => {
    const listed = JSON.parse(await tokens("list", "--json")) as {
      tokens: { id: string; name: string }[];
    };
    const id = listed.tokens.find(({ name }) => name === "other")?.id ?? "";
    await tokens("revoke", id);
    const deadline = Date.now() + 60_000;
    for (let status = 200; status !== 401; ) {
      const headers = { Authorization: basic(other) };
      const answer = await fetch(`${url}/v2/locked/${SECRET.repository}/manifests/${SECRET.tag}`, {
        headers,
      });
      await answer.body?.cancel();
      status = answer.status;
      if (status !== 401 && Date.now() > deadline) throw new Error(`it is still good: ${status}`);
      if (status !== 401) await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  });

  await report.check("no secret is in the logs", async () => {
    // But for npm's and wrangler's lists of what they were started with: here the secrets come by --var.
    const lines = (await readFile(shut.logFile, "utf8")).split("\n");
    const log = lines.filter((line) => !/^> |\benv\./.test(line)).join("\n");
    expectMatch("the log", log, /POST \/token/);
    for (const text of [token, other, basic(token), ADMIN_TOKEN, SECRET_HOST, ACCOUNT.password])
      expectEqual(
        `the log shows ${text.slice(0, 8)}…`,
        log.includes(text.replace("Basic ", "")),
        false,
      );
    expectEqual("the log shows a JWT", /eyJ[\w-]+\.eyJ/.test(log), false);
  });
  await shut.kill();
  await locked.log.during(async () => {}); // what it still writes is of this group
}

function startShut({ startEntrepot, open, locked }: Stage, issuer: Issuer) {
  return startEntrepot("shut", {
    RULES: [
      {
        ...UP,
        shadow: true,
        upstream: `http://${open.address}`,
      },
      { ...LOCKED, shadow: true, upstream: `http://${locked.address}`, credentials: "LOCKED" },
      {
        default: true,
        upstream: `http://${open.address}`,
        networks: ["127.0.0.0/8"],
        secretHost: SECRET_HOST,
        ns: "hub.example",
      },
    ],
    AUTH: {
      mode: "token",
      issuers: [
        {
          issuer: issuer.url,
          audience: "entrepot.example",
          claims: { repository: "acme/*" },
          repositories: [`${UP.prefix}/**`],
        },
      ],
    },
    ADMIN_TOKEN,
  });
}

/** docker login and pull by a prefixed name; and dockerd's mirror, which has no login, by its network. */
async function checkDocker(
  stage: Stage,
  report: Report,
  address: string,
  token: string,
): Promise<void> {
  const name = "docker login, pull and logout; a mirror by its network";
  const dockerd = await start(stage, address).catch((error: Error) => error.message);
  if (typeof dockerd === "string") return report.skip(name, dockerd);
  const config = join(stage.folder, "docker-config");
  const docker = (...args: string[]) =>
    run("docker", ["--config", config, "--host", dockerd.address, ...args]);
  await report.check(name, async () => {
    const image = nameOf(`${address}/${UP.prefix}`, BUSYBOX);
    await refused("a pull without a login", () => docker("pull", "--quiet", image));
    await refused("a wrong login", () => docker("login", "-u", "token", "-p", "wrong", address));
    await docker("login", "-u", "token", "-p", token, address);
    await docker("pull", "--quiet", image);
    await docker("logout", address);
    // As Docker Hub's image, through the mirror: there is no other way to it here.
    await docker("pull", "--quiet", `${BUSYBOX.repository}:${BUSYBOX.tag}`);
  });
  await dockerd.kill();
}

async function start({ folder, ctr }: Stage, address: string) {
  for (const command of ["dockerd", "docker"]) {
    if (!isInstalled(command)) throw new Error(`${command} is not on PATH`);
  }
  return startDockerd(join(folder, "dockerd-shut"), ctr.socket, `http://${address}`);
}

type Act = (folder: string, digest: string) => Promise<void>;

function companies(address: string, token: string, image: string): [string, Act][] {
  const at = async (folder: string, command: string, ...args: string[]) => {
    const home = join(folder, `company-${command}`);
    return (await run(command, args, { env: { HOME: home, DOCKER_CONFIG: home } })).stdout
      .toString()
      .trim();
  };
  return [
    [
      "crane",
      async (folder, digest) => {
        await at(
          folder,
          "crane",
          "auth",
          "login",
          "--insecure",
          address,
          "-u",
          "token",
          "-p",
          token,
        );
        expectEqual("digest", await at(folder, "crane", "digest", "--insecure", image), digest);
      },
    ],
    [
      "oras",
      async (folder, digest) => {
        await at(folder, "oras", "login", "--plain-http", "-u", "token", "-p", token, address);
        const found = await at(
          folder,
          "oras",
          "manifest",
          "fetch",
          "--plain-http",
          "--descriptor",
          image,
        );
        expectEqual("digest", found.includes(digest), true);
      },
    ],
    [
      "regctl",
      async (folder, digest) => {
        const home = ["registry", "set", "--tls=disabled", "--skip-check", address];
        await at(folder, "regctl", ...home);
        await at(folder, "regctl", "registry", "login", "-u", "token", "-p", token, address);
        expectEqual("digest", await at(folder, "regctl", "image", "digest", image), digest);
      },
    ],
  ];
}

async function refused(what: string, act: () => Promise<unknown>, words?: RegExp): Promise<void> {
  const message = await act().then(
    () => undefined,
    (error: Error) => error.message,
  );
  if (message === undefined) throw new Error(`${what} is not refused`);
  if (words) expectMatch(`what is said of ${what}`, message, words);
}
