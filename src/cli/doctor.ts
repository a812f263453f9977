// `npm run entrepot -- doctor`: looks a cache over, from outside and through its API, and pulls an image cold and warm.

import { isLoopback } from "../config/upstream.ts";
import { type Api, Complaint, command, openApi, optionsIn } from "./api.ts";
import { sizeOf, some } from "./words.ts";

const USAGE = `usage: npm run entrepot -- doctor [--image IMAGE] [--skip-validate]
       IMAGE is pulled, cold and warm; without, docker.io's library/alpine where there is a rule for that
options: --url URL   of the cache; without, the one of npm start. Its ADMIN_TOKEN comes from ENTREPOT_ADMIN_TOKEN
ends with 1 where something is wrong`;

const ACCEPT = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");
/** Clocks that differ by more, in ms, make tokens that are no good yet, or no more. */
const MOST_SKEW = 60_000;
const TWO_HOURS = 2 * 60 * 60_000;

interface About {
  now: string;
  auth: { mode: string; issuers: string[]; access: boolean };
  limits: { logins: boolean; requests: boolean };
  offline: boolean;
  rules: number;
  problems: { rule: string; problem: string }[];
}

type Mark = "✔" | "•" | "✘";

function say(mark: Mark, text: string): void {
  console.log(`${mark} ${text}`);
  if (mark === "✘") process.exitCode = 1;
}

await command(async () => {
  const options = optionsIn(
    process.argv.slice(2),
    { url: true, image: true, "skip-validate": false },
    USAGE,
  );
  const api = openApi(options.get("url"));
  const { url } = api;
  await outside(url);
  const about = await api.ask<About>("GET", "/api/about");
  inside(about, url);
  await sweeps(api);
  if (!options.has("skip-validate")) await rules(api);
  await pull(api, about, options.get("image"));
});

/** As a client sees it. */
async function outside(url: URL): Promise<void> {
  const began = performance.now();
  const response = await fetch(`${url.origin}/v2/`).catch((error: Error) => {
    const cause = (error.cause as Error | undefined)?.message ?? error.message;
    throw new Complaint(`${url.origin} cannot be reached: ${cause}`);
  });
  await response.body?.cancel();
  const time = Math.round(performance.now() - began);
  const { status, headers } = response;
  if (!headers.has("docker-distribution-api-version"))
    throw new Complaint(`${url.origin} answers ${status}, and is no registry`);
  if (status >= 500) say("✘", `${url.origin} answers ${status}: its configuration cannot be used`);
  else say("✔", `${url.origin} answers as a registry, with ${status}, in ${time} ms`);
  const isHere = isLoopback(url.hostname);
  if (url.protocol === "http:" && !isHere)
    say("✘", "it is asked over http://: tokens can be read on the way");
  if (url.hostname.endsWith(".workers.dev"))
    say("•", "workers.dev has no cache in the data centres: give it a domain of its own");
  const skew = Date.parse(headers.get("date") ?? "") - Date.now();
  if (Math.abs(skew) > MOST_SKEW)
    say(
      "✘",
      `its clock and this one differ by ${Math.round(skew / 1000)} s: tokens will not be good`,
    );
}

/** As it is configured. */
function inside({ auth, limits, offline, rules, problems }: About, url: URL): void {
  if (auth.mode === "token") {
    const others = auth.issuers.length > 0 ? `, and tokens of ${auth.issuers.join(", ")}` : "";
    say("✔", `it wants a pull token${others}`);
  } else if (isLoopback(url.hostname)) say("•", "it is open to whoever can reach it: this machine");
  else say("✘", "it is open to everybody who finds it: AUTH");
  if (auth.mode === "token" && !(limits.logins && limits.requests))
    say(
      "•",
      "the rate limiting bindings LOGINS and REQUESTS are not both there: nothing is limited",
    );
  if (offline) say("•", "OFFLINE: no upstream is ever asked");
  say(
    problems.length > 0 ? "✘" : "✔",
    `${some(rules, "rule")}, ${problems.length} that cannot be used`,
  );
  for (const { rule, problem } of problems) say("✘", `  ${rule}: ${problem}`);
}

/** That the cron is at work. */
async function sweeps(api: Api): Promise<void> {
  const { runs } = await api.ask<{ runs: { endedAt?: string; error?: string }[] }>(
    "GET",
    "/api/lifecycle/runs?n=1",
  );
  const [last] = runs;
  if (last?.error !== undefined) return say("✘", `the last sweep failed at ${last.error}`);
  const age = Date.now() - Date.parse(last?.endedAt ?? "");
  if (age <= TWO_HOURS) return say("✔", `the last sweep ended ${Math.round(age / 60_000)} min ago`);
  say("•", "no sweep has ended in the last two hours: the cron runs hourly");
}

async function rules(api: Api): Promise<void> {
  const all = await api.ask<{ rules: { name: string; offline: boolean }[] }>("GET", "/api/rules");
  for (const { name, offline } of all.rules) {
    if (offline) continue;
    const query = new URLSearchParams({ rule: name });
    const told = await api.ask<{ valid: boolean; checks: { good: boolean; text: string }[] }>(
      "POST",
      `/api/rules/validate?${query}`,
    );
    const wrong = told.checks.filter(({ good }) => !good).map(({ text }) => text);
    say(
      told.valid ? "✔" : "✘",
      `the rule ${name}: ${told.valid ? "its upstream takes it" : wrong.join("; ")}`,
    );
  }
}

/** A small image, twice, with a token of its own that ends with this. */
async function pull(api: Api, about: About, given: string | undefined): Promise<void> {
  const image = given ?? (await alpine(api));
  if (image === undefined) return say("•", "nothing was pulled: name an image with --image");
  const [, name = "", tag = "latest"] = /^(.*?)(?::([\w.-]+))?$/.exec(image) ?? [];
  const asked = JSON.stringify({ name: "doctor", repositories: [name], expiry: "10m" });
  const token =
    about.auth.mode === "token"
      ? await api.ask<{ id: string; token: string }>("POST", "/api/tokens", asked)
      : undefined;
  try {
    for (const state of ["first", "second"]) {
      const { bytes, time, statuses } = await pullOnce(api.url, name, tag, token?.token);
      say("✔", `${image}, the ${state} time: ${sizeOf(bytes)} in ${time} ms (${statuses})`);
    }
  } catch (error) {
    if (!(error instanceof Complaint)) throw error;
    say("✘", error.message);
  } finally {
    if (token) await api.ask("DELETE", `/api/tokens/${token.id}`);
  }
}

async function alpine(api: Api): Promise<string | undefined> {
  const { rules: all } = await api.ask<{
    rules: { upstream: string; prefixes: string[]; problem?: string }[];
  }>("GET", "/api/rules");
  const hub = all.find(({ upstream, prefixes, problem }) => {
    return upstream === "https://registry-1.docker.io" && prefixes.length > 0 && !problem;
  });
  return hub && `${hub.prefixes[0]}/library/alpine:latest`;
}

interface Manifest {
  manifests?: { digest: string; platform?: { architecture?: string; os?: string } }[];
  config?: { digest: string };
  layers?: { digest: string }[];
}

/** The image of linux/amd64, or the first: its manifests, config and layers. */
async function pullOnce(url: URL, name: string, tag: string, token: string | undefined) {
  const began = performance.now();
  const statuses = new Map<string, number>();
  let bytes = 0;
  const get = async (path: string): Promise<Buffer> => {
    const response = await fetch(`${url.origin}/v2/${name}/${path}`, {
      headers: { Accept: ACCEPT, ...(token && { Authorization: `Bearer ${token}` }) },
    });
    const body = Buffer.from(await response.arrayBuffer());
    if (!response.ok)
      throw new Complaint(
        `${name}/${path} is answered ${response.status}: ${body.toString().slice(0, 300)}`,
      );
    const status = response.headers.get("cache-status") ?? "no Cache-Status";
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    bytes += body.length;
    return body;
  };
  let manifest = JSON.parse((await get(`manifests/${tag}`)).toString()) as Manifest;
  const children = manifest.manifests ?? [];
  const child = children.find(({ platform }) => platform?.architecture === "amd64") ?? children[0];
  if (child) manifest = JSON.parse((await get(`manifests/${child.digest}`)).toString()) as Manifest;
  const blobs = [manifest.config, ...(manifest.layers ?? [])].flatMap((blob) => blob?.digest ?? []);
  for (const digest of blobs) await get(`blobs/${digest}`);
  const told = [...statuses].map(([status, count]) => `${count} × ${status}`).join(", ");
  return { bytes, time: Math.round(performance.now() - began), statuses: told };
}
