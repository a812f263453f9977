// Pull requests: what is pulled, and the services that it is pulled with, passed down as one value.

import type { Digest } from "../oci/digest.ts";
import type { Source } from "../policy/source.ts";
import type { Pull } from "./pull.ts";
import type { PullServices } from "./services.ts";

/** A request to a repository. */
export interface RepositoryRequest {
  readonly services: PullServices;
  readonly source: Source;
  readonly pull: Pull;
}

/** A request for the manifest or blob of a digest. */
export interface DigestRequest extends RepositoryRequest {
  readonly digest: Digest;
}
