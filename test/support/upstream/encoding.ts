// Answers as a proxy or a CDN changes them on their way: compressed, called so, or with something behind them.

import { gzipSync } from "node:zlib";
import type { Fault } from "../wire.ts";
import type { Answer } from "./answer.ts";
import { type Content, given } from "./content.ts";

function all(content: Content): Buffer {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < content.size; ) {
    const piece = content.read(at, content.size);
    pieces.push(piece);
    at += piece.length;
  }
  return Buffer.concat(pieces);
}

/** Before any range is cut out of it. */
export function changed(answer: Answer, { gzip, append }: Fault): Answer {
  if (answer.status !== 200) return answer;
  let { content } = answer;
  if (append !== undefined) content = given(Buffer.concat([all(content), Buffer.from(append)]));
  if (gzip === "ranges") content = given(gzipSync(all(content)));
  return { ...answer, content };
}

/** After it: what is compressed as it is sent has no length that would be known. */
export function sent(answer: Answer, head: boolean, { gzip }: Fault): Answer {
  if (gzip === undefined || answer.status >= 300) return answer;
  if (gzip === "whole" && answer.status !== 200) return answer;
  const headers = { ...answer.headers, "content-encoding": "gzip" };
  const content = gzip === "whole" && !head ? given(gzipSync(all(answer.content))) : answer.content;
  return { ...answer, headers, content };
}
