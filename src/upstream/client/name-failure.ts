// NameFailure: a failure caused by the requested name, such as a forbidden redirect or a malformed answer, which says
// nothing about its upstream. The attack: an image that redirects to a private address, to pause its registry for all.

import { RegistryError } from "../../oci/error.ts";

export class NameFailure extends RegistryError {
  constructor(message: string) {
    super("UNAVAILABLE", message);
  }
}
