// Verification of image signatures: a rule's entries, each with the images it decides for and the signers it asks for.

import { z } from "zod";
import { isBalanced, pattern, secretName } from "./fields.ts";
import { type TrustMode, trustMode } from "./trust-mode.ts";

/** A signer by what it proves. PEMs are in a variable or secret of the deployment, which `name` names: the rule holds no key. */
export type Signer =
  /** A key pair of cosign. `log`: the signature must be in the transparency log too. */
  | { kind: "key"; name: string; log: boolean }
  /** A certificate of Fulcio: `issuer` is compared exactly, `identity` is a glob over the whole identity. */
  | { kind: "keyless"; issuer: string; identity: string }
  /** A certificate of notation's trust store, `ca`. */
  | { kind: "certificate"; name: string };

/** Satisfied by all of `all` and, unless it is empty, one of `any`. */
export interface VerifyEntry {
  /** Globs over names, as in `allow`, without tags. */
  images: string[];
  all: Signer[];
  any: Signer[];
}

/** Plain data, sent to the Durable Objects as part of the rule. */
export interface Verification {
  /** The first whose `images` match decides. */
  entries: VerifyEntry[];
  mode: TrustMode;
  /** What happens to images that no entry matches. */
  unmatched: "pass" | "refuse";
}

/** Maximum number of signers that one entry may name, since each is tried on each signature. */
export const MAX_SIGNERS = 16;

/** A signature decides by digest, so a tag cannot select who must sign. */
const image = pattern.refine((text) => !text.includes(":"), {
  error: "must be a glob over names without tags: a digest has no tag",
});

const URL_WORDS = 'must be the issuer as in its tokens, such as "https://accounts.google.com"';
const IDENTITY_WORDS =
  "must be the whole identity of a certificate, or a glob over it: a URL or an e-mail address of printable ASCII";

const identity = z
  .string({ error: IDENTITY_WORDS })
  .max(1_024, IDENTITY_WORDS)
  .regex(/^[\x21-\x7e]+$/, { error: IDENTITY_WORDS, abort: true })
  .refine(
    (text) => !/^[*?/]*$/.test(text),
    "must not match every identity: anyone can get a certificate of a public issuer",
  )
  .refine(isBalanced, "has an unbalanced bracket");

const signerFields = {
  key: secretName
    .optional()
    .describe(
      "Name of a variable or secret with a public key in PEM, as cosign generate-key-pair writes it: ECDSA P-256, P-384 or P-521, Ed25519, or RSA.",
    ),
  log: z
    .boolean()
    .optional()
    .describe(
      "With key: the signature must be in the transparency log of the trusted root too. Default: false.",
    ),
  issuer: z
    .string({ error: URL_WORDS })
    .regex(/^[\x21-\x7e]{1,1024}$/, URL_WORDS)
    .optional()
    .describe(
      "Of keyless signatures: the OIDC issuer that the certificate names, compared exactly. Requires identity.",
    ),
  identity: identity
    .optional()
    .describe(
      "Of keyless signatures: a glob over the certificate's whole identity, in which a star matches all but slashes and two stars match those too. Requires issuer.",
    ),
  certificate: secretName
    .optional()
    .describe(
      "Name of a variable or secret with a certificate in PEM: notation signatures whose certificates lead up to it are accepted.",
    ),
};

type Given = { [Field in keyof typeof signerFields]?: z.infer<(typeof signerFields)[Field]> };

const SIGNER_WORDS = "must have one of key, certificate, or issuer with identity";

/** The signer of its fields; undefined if there is none. */
function signerOf(given: Given, context: z.core.$RefinementCtx): Signer | undefined {
  const { key, log, issuer, identity, certificate } = given;
  const report = (message: string, field?: string) =>
    void context.issues.push({
      code: "custom",
      input: given,
      message,
      path: field === undefined ? [] : [field],
    });
  const isKeyless = issuer !== undefined || identity !== undefined;
  const kinds = [key !== undefined, isKeyless, certificate !== undefined].filter(Boolean).length;
  if (kinds > 1) report(`${SIGNER_WORDS}: ask for several signers with all or any`);
  if (log !== undefined && key === undefined)
    report("is only for key: keyless signatures are always looked for in the log", "log");
  if (isKeyless && issuer === undefined) report("is missing beside identity", "issuer");
  if (isKeyless && identity === undefined) report("is missing beside issuer", "identity");
  if (key !== undefined) return { kind: "key", name: key, log: log ?? false };
  if (certificate !== undefined) return { kind: "certificate", name: certificate };
  if (issuer !== undefined && identity !== undefined) return { kind: "keyless", issuer, identity };
  return undefined;
}

export const signerSchema = z.strictObject(signerFields).transform((given, context): Signer => {
  const signer = signerOf(given, context);
  if (signer) return signer;
  if (context.issues.length === 0)
    context.issues.push({ code: "custom", input: given, message: SIGNER_WORDS });
  return z.NEVER;
});

const signerList = z
  .array(signerSchema, { error: "must be a list of signers" })
  .min(1, "must contain at least one signer")
  .max(MAX_SIGNERS, `must contain at most ${MAX_SIGNERS} signers`)
  .optional();

export const verifyEntrySchema = z
  .strictObject({
    images: z
      .array(image, { error: "must be a list of globs" })
      .min(1, "must contain at least one glob")
      .describe(
        "Globs over names, as in allow, without tags. The first entry that matches decides.",
      ),
    ...signerFields,
    all: signerList.describe(
      "Signers, in place of key, issuer or certificate: each must have signed.",
    ),
    any: signerList.describe("Signers of which one must have signed."),
  })
  .transform(({ images, all = [], any = [], ...own }, context): VerifyEntry => {
    const signer = signerOf(own, context);
    if (!signer && all.length + any.length === 0 && context.issues.length === 0)
      context.issues.push({
        code: "custom",
        input: own,
        message: `${SIGNER_WORDS}, or a list of signers in all or any`,
      });
    return { images, all: [...(signer ? [signer] : []), ...all], any };
  });

/** The fields of a rule. */
export const verifyFields = {
  verify: z
    .array(verifyEntrySchema, { error: "must be a list of entries" })
    .min(1, "must contain at least one entry")
    .max(100, "must contain at most 100 entries")
    .optional()
    .describe("Who must have signed which images. Without it, signatures are not looked at."),
  verifyMode: trustMode
    .optional()
    .describe(
      "enforce refuses an image without the signatures that verify asks for; report serves it, and tells. Default: report.",
    ),
  verifyUnmatched: z
    .enum(["pass", "refuse"], { error: 'must be "pass" or "refuse"' })
    .optional()
    .describe("What happens to images that no entry of verify matches. Default: pass."),
};

interface GivenVerification {
  verify?: VerifyEntry[] | undefined;
  verifyMode?: TrustMode | undefined;
  verifyUnmatched?: "pass" | "refuse" | undefined;
}

/** The verification of a rule; undefined without `verify`, which the other fields need. @param report receives what is wrong */
export function verificationOf(
  { verify, verifyMode, verifyUnmatched }: GivenVerification,
  report: (field: string, message: string) => void,
): Verification | undefined {
  if (verify)
    return { entries: verify, mode: verifyMode ?? "report", unmatched: verifyUnmatched ?? "pass" };
  const without = "has no effect without verify";
  if (verifyMode !== undefined) report("verifyMode", without);
  if (verifyUnmatched !== undefined) report("verifyUnmatched", without);
  return undefined;
}
