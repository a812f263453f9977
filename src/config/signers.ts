// Key material of signers: the PEMs that `verify` names and the trusted root, read from variables and kept out of the rules.

/** Public keys and certificates in PEM by the name of their variable, of all rules; and the trusted root of keyless signatures. */
export interface Signers {
  readonly pems: Readonly<Record<string, string>>;
  /** TRUSTED_ROOT, as JSON text; undefined for the root that comes with the release. */
  readonly root?: string;
}
