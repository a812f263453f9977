// Verification of image signatures: a rule's entries, each with the images it decides for and the signers it asks for.

/** A signer by what it proves. PEMs are in a variable or secret of the deployment, which `name` names: the rule holds no key. */
export type Signer =
  /** A key pair of cosign. `log`: the signature must be in the transparency log too. */
  | { kind: "key"; name: string; log: boolean }
  /** A certificate of Fulcio: `issuer` is compared exactly, `identity` is a glob over the whole identity. */
  | { kind: "keyless"; issuer: string; identity: string }
  /** A certificate of notation's trust store, `ca`. */
  | { kind: "certificate"; name: string };

/** Plain data, sent to the Durable Objects as part of the rule. Satisfied by all of `all` and, unless it is empty, one of `any`. */
export interface VerifyEntry {
  /** Globs over names, as in `allow`, without tags. */
  images: string[];
  all: Signer[];
  any: Signer[];
}

/** Maximum number of signers that one entry may name, since each is tried on each signature. */
export const MAX_SIGNERS = 16;
