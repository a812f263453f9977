// The fixture upstream: one registry behind several doors on 127.0.0.1, for tests and by hand.

import {
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import type { Server, UpstreamPorts } from "../wire.ts";
import { control } from "./control.ts";
import { receive } from "./receiver.ts";
import { handle } from "./request.ts";
import { newState } from "./state.ts";

export type { UpstreamPorts } from "../wire.ts";

/** On ports of the system's choice, or `open` on `port` and the others on those that follow. */
export async function startUpstream(port = 0): Promise<UpstreamPorts & { close(): Promise<void> }> {
  const state = newState();
  const names: Server[] = ["open", "bearer", "basic", "token", "cdn", "aws", "google", "issuer"];
  const servers: HttpServer[] = [];
  const open = async (name: keyof UpstreamPorts, answer: Listener) => {
    const server = listener(answer);
    state.ports[name] = await listen(server, port === 0 ? 0 : port + servers.length);
    servers.push(server);
  };
  for (const name of names) await open(name, (req, res) => handle(state, name, req, res));
  await open("control", (req, res) => control(state, req, res));
  await open("receiver", (req, res) => receive(state, req, res));

  const close = async () => {
    state.holds.releaseAll();
    await Promise.all(servers.map(shut));
  };
  return { ...state.ports, close };
}

type Listener = (req: IncomingMessage, res: ServerResponse) => Promise<void>;

function listener(answer: Listener): HttpServer {
  // A client's kept connection must not be closed under its next request: that would be an unplanned fault.
  return createServer({ keepAliveTimeout: 600_000, requestTimeout: 0 }, (req, res) => {
    answer(req, res).catch((error) => {
      if (!req.destroyed) console.error("fixture:", error);
      res.destroy();
    });
  });
}

function listen(server: HttpServer, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

function shut(server: HttpServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { port: { type: "string", default: "0" } } });
  const { close, ...ports } = await startUpstream(Number(values.port));
  console.log(JSON.stringify(ports));
  process.once("SIGINT", close);
  process.once("SIGTERM", close);
}
