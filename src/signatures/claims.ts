// Claims: whether signed content names the image, in cosign's payload ("simple signing") and in an in-toto statement.

import { z } from "zod";
import { algorithmOf, type Digest, hexOf } from "../oci/digest.ts";
import { SIGNATURE_PREDICATE } from "./contract.ts";
import { refuse } from "./refusal.ts";

const payloadSchema = z.object({
  critical: z.object({
    type: z.string(),
    image: z.object({ "docker-manifest-digest": z.string() }),
  }),
});

/** `critical.type` of cosign's and Podman's payloads; other types promise something else than a signature. */
const PAYLOAD_KIND = "cosign container image signature";

/** Throws Refused unless the payload names the image. */
export function checkPayload(payload: Uint8Array, image: Digest): void {
  const parsed = payloadSchema.safeParse(jsonOf(payload));
  if (!parsed.success) refuse("has a payload that is not cosign's");
  const { type, image: named } = parsed.data.critical;
  if (type !== PAYLOAD_KIND) refuse(`has a payload of another type: ${type}`);
  const digest = named["docker-manifest-digest"];
  if (digest !== image) refuse(`is of another image: ${digest}`);
}

/** Payload type of a DSSE envelope that holds an in-toto statement. */
export const STATEMENT_TYPE = "application/vnd.in-toto+json";

const STATEMENTS = ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"];

/** Maximum number of subjects: a signature by cosign has one. */
const MAX_SUBJECTS = 1_000;

const statementSchema = z.object({
  _type: z.string(),
  predicateType: z.string(),
  subject: z.array(z.object({ digest: z.record(z.string(), z.unknown()) })).max(MAX_SUBJECTS),
});

/** The predicate type of an envelope's payload; undefined if it is no statement. */
export function predicateOf(payload: Uint8Array): string | undefined {
  const parsed = z.object({ predicateType: z.string() }).safeParse(jsonOf(payload));
  return parsed.data?.predicateType;
}

/** Throws Refused unless the statement is a signature of the image. */
export function checkStatement(payloadType: string, payload: Uint8Array, image: Digest): void {
  if (payloadType !== STATEMENT_TYPE) refuse(`has an envelope of another type: ${payloadType}`);
  const parsed = statementSchema.safeParse(jsonOf(payload));
  if (!parsed.success) refuse("has an envelope without an in-toto statement");
  const { _type: type, predicateType, subject } = parsed.data;
  if (!STATEMENTS.includes(type)) refuse(`has a statement of another type: ${type}`);
  if (predicateType !== SIGNATURE_PREDICATE)
    refuse(`is an attestation and no signature: its predicateType is ${predicateType}`);
  const [algorithm, hex] = [algorithmOf(image), hexOf(image)];
  const isNamed = subject.some(
    ({ digest }) => Object.hasOwn(digest, algorithm) && digest[algorithm] === hex,
  );
  if (!isNamed) refuse("is of another image: no subject has this digest");
}

export function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
