// What every measurement stands on: the upstream in a process of its own, folders that are removed, fresh blobs.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type BlobInfo, Fixture, seedOf, type UpstreamPorts } from "../support/fixture.ts";
import { ROOT, type Server } from "./processes.ts";
import { type BareName, startBare, startEntrepot, startRegistry, startSweeper } from "./servers.ts";

export const MB = 1_000_000;

/** A blob that was not requested yet, in a repository of its own. */
export interface FreshBlob extends BlobInfo {
  seed: number;
  repository: string;
}

export class Stage {
  readonly fixture: Fixture;
  readonly #folder: string;
  readonly #close: () => void;
  readonly #servers: Server[] = [];
  #made = 0;

  constructor(fixture: Fixture, folder: string, close: () => void) {
    this.fixture = fixture;
    this.#folder = folder;
    this.#close = close;
  }

  /** Entrepot in front of the upstream, its storage empty. */
  entrepot(rule?: Record<string, unknown>, auth?: object, others?: object[]): Promise<Server> {
    return this.#start((folder) => startEntrepot(folder, this.upstream, rule, auth, others));
  }

  bare(name: BareName): Promise<Server> {
    return this.#start((folder) => startBare(folder, name));
  }

  /** The sweep alone, its catalog empty. */
  sweeper(): Promise<Server> {
    return this.#start(startSweeper);
  }

  /** docker-registry in front of the same upstream, its storage empty. */
  registry(): Promise<Server> {
    return this.#start((folder) => startRegistry(folder, this.upstream));
  }

  get upstream(): string {
    return this.fixture.url("open");
  }

  /** Content that no server has seen; made now, so that the upstream has it at hand. */
  async blob(size: number): Promise<FreshBlob> {
    const repository = `bench/${this.#made++}`;
    const seed = seedOf(repository);
    const info = await this.fixture.blob(repository, { seed, size });
    return { ...info, repository, seed };
  }

  /** How often the upstream was asked for the blob's bytes, and how many it sent. */
  async fetched({ repository }: FreshBlob): Promise<{ requests: number; bytes: number }> {
    const asked = await this.fixture.requests({ repository, kind: "blob", method: "GET" });
    return { requests: asked.length, bytes: asked.reduce((sum, one) => sum + one.bytesSent, 0) };
  }

  /** Between measurements: the servers' storage is gigabytes. */
  async strike(): Promise<void> {
    await Promise.all(this.#servers.splice(0).map((server) => server.end()));
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 3 });
    for (const own of ["bare", "sweep"])
      await rm(join(ROOT, "test/bench", own, ".wrangler"), { recursive: true, force: true });
    await this.fixture.clear();
  }

  async close(): Promise<void> {
    await this.strike();
    this.#close();
  }

  async #start(start: (folder: string) => Promise<Server>): Promise<Server> {
    const server = await start(join(this.#folder, String(this.#made++)));
    this.#servers.push(server);
    return server;
  }
}

export async function setStage(): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), "entrepot-bench-"));
  const script = join(ROOT, "test/support/upstream/server.ts");
  const child = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] });
  process.once("exit", () => {
    child.kill();
    rmSync(folder, { recursive: true, force: true }); // where the run was broken off
  });
  const [line] = await once(createInterface(child.stdout), "line");
  const ports = JSON.parse(line as string) as UpstreamPorts;
  return new Stage(new Fixture(ports), folder, () => child.kill());
}
