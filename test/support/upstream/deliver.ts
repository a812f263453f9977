// Sends an answer, as broken as its fault wants it.

import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Fault, RequestRecord } from "../wire.ts";
import type { Answer } from "./answer.ts";
import { type Content, corrupted } from "./content.ts";
import { changed, sent } from "./encoding.ts";
import type { Holds } from "./holds.ts";
import type { Journal } from "./journal.ts";
import { ranged } from "./range.ts";

export interface Delivery {
  record: RequestRecord;
  fault: Fault;
  holds: Holds;
  journal: Journal;
}

/** Sockets that carry no further answer. */
const ended = new WeakSet<object>();

export async function deliver(
  res: ServerResponse,
  sound: Answer,
  { record, fault, holds, journal }: Delivery,
): Promise<void> {
  const head = record.method === "HEAD";
  const answer = changed(sound, fault);
  const byRange =
    record.kind === "blob" &&
    record.method === "GET" &&
    answer.status === 200 &&
    record.range !== null;
  const whole = { answer, from: 0, to: answer.content.size };
  const part = byRange ? ranged(answer, record.range ?? "", fault) : whole;
  part.answer = sent(part.answer, head, fault);
  if (part.answer.status === 200) part.to = part.answer.content.size;
  const length = Math.min(part.to - part.from, fault.truncateTo ?? Number.POSITIVE_INFINITY);

  const hold =
    fault.hold === undefined ? undefined : { name: fault.hold, after: fault.after ?? -1 };
  if (hold && (hold.after < 0 || head)) await wait(res, holds, hold.name);
  if (res.destroyed) return;
  if (fault.reset || ended.has(res.socket ?? {})) return void res.socket?.destroy();
  if (fault.raw !== undefined) return void res.socket?.end(Buffer.from(fault.raw, "latin1"));

  record.status = part.answer.status;
  if (fault.lastOnSocket) ended.add(res.socket ?? {});
  res.writeHead(record.status, headers(part.answer.headers, length, fault));
  if (head || record.status === 304) return finish(res, record, journal);

  const over = record.kind === "blob" && record.status < 300 ? journal.body(record) : () => {};
  res.flushHeaders();
  const content =
    fault.corruptAt === undefined
      ? part.answer.content
      : corrupted(part.answer.content, fault.corruptAt);
  const bounds: Bounds = {
    from: part.from,
    length,
    cut: fault.cutAfter ?? Number.POSITIVE_INFINITY,
  };
  if (hold && hold.after >= 0)
    bounds.hold = { after: hold.after, wait: () => wait(res, holds, hold.name) };
  if (fault.bytesPerSecond !== undefined) bounds.bytesPerSecond = fault.bytesPerSecond;
  const all = await pump(res, content, bounds, record);
  over();
  if (all) finish(res, record, journal);
  // What was written still goes out, then the connection ends: no more, no less.
  else res.socket?.destroySoon();
}

function headers(of: Record<string, string>, length: number, fault: Fault): Record<string, string> {
  const out = { ...of };
  if (!fault.chunked && fault.gzip !== "whole") out["content-length"] = String(length);
  if (fault.omitDigest) delete out["docker-content-digest"];
  if (fault.digestHeader !== undefined) out["docker-content-digest"] = fault.digestHeader;
  for (const [name, value] of Object.entries(fault.headers ?? {})) out[name.toLowerCase()] = value;
  return out;
}

interface Bounds {
  from: number;
  length: number;
  cut: number;
  hold?: { after: number; wait: () => Promise<void> };
  bytesPerSecond?: number;
}

/** Writes the body; false when it is cut or the client has left. */
async function pump(
  res: ServerResponse,
  content: Content,
  bounds: Bounds,
  record: RequestRecord,
): Promise<boolean> {
  const began = performance.now();
  let hold = bounds.hold;
  for (let sent = 0; ; ) {
    if (hold && sent >= Math.min(hold.after, bounds.length)) {
      await hold.wait();
      hold = undefined;
    }
    if (res.destroyed || sent >= bounds.cut) return false;
    if (sent >= bounds.length) return true;
    let until = Math.min(bounds.length, bounds.cut, hold?.after ?? Number.POSITIVE_INFINITY);
    if (bounds.bytesPerSecond !== undefined) {
      const due = Math.floor(((performance.now() - began) / 1000) * bounds.bytesPerSecond);
      if (due <= sent) {
        await sleep(5);
        continue;
      }
      until = Math.min(until, due);
    }
    const piece = content.read(bounds.from + sent, bounds.from + until);
    sent += piece.length;
    record.bytesSent += piece.length;
    if (!res.write(piece)) await drained(res);
  }
}

/** The record is complete before the client can have seen the end, so that a test may read it at once. */
function finish(res: ServerResponse, record: RequestRecord, journal: Journal): void {
  record.finished = true;
  journal.close(record);
  res.end();
}

async function wait(res: ServerResponse, holds: Holds, name: string): Promise<void> {
  await holds.wait(name, (gone) => (res.destroyed ? gone() : res.once("close", gone)));
}

function drained(res: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    if (res.destroyed) return resolve();
    const done = () => {
      res.off("drain", done);
      res.off("close", done);
      resolve();
    };
    res.on("drain", done);
    res.on("close", done);
  });
}
