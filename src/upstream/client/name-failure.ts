// NameFailure: a failure that is the doing of the name that was asked for, such as a forbidden redirect or a malformed answer. It says
// nothing of its upstream. The attack: an image that redirects to a private address, so that its registry rests for all.

import { RegistryError } from "../../oci/error.ts";

export class NameFailure extends RegistryError {
  constructor(message: string) {
    super("UNAVAILABLE", message);
  }
}
