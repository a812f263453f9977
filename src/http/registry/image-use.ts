// Image use: what a response means for an image's expiry. A manifest that was sent counts as a pull; HEAD and 304 show that a
// client still uses the image. Both keep the image from expiring, unless the client is configured not to (`touches`).

import type { PulledManifest } from "../../pull/manifest.ts";
import type { Pull } from "../../pull/pull.ts";
import type { RepositoryRequest } from "../../pull/request.ts";
import type { Admitted } from "./registry-auth.ts";

/** The pull of an admitted client. */
type Use = Pull & Pick<Admitted, "touches">;

/** Calls `report` unless the client's requests do not count as use. */
export function unlessQuiet({ touches, later }: Use, report: () => void): void {
  if (touches === true) report();
  else if (touches)
    later(
      touches().then((does) => {
        if (does) report();
      }),
    );
}

/** Reports the use of the tag's own manifest and of the child chosen for the client. As a pull it counts once. */
export function reportUse(
  { services, source, pull }: RepositoryRequest & { pull: Use },
  tag: string | undefined,
  { digest, mapping, meant: own = mapping?.digest }: PulledManifest,
  isPull: boolean,
): void {
  const { reports } = services;
  const ofTag = tag === undefined ? undefined : own;
  if (isPull) reports.counted(source, ofTag ?? digest, tag ?? "", pull);
  const isChild = ofTag !== digest;
  unlessQuiet(pull, () => {
    if (!isPull) {
      if (ofTag) reports.checked(source, ofTag, pull);
      if (isChild) reports.checked(source, digest, pull);
      return;
    }
    if (tag !== undefined && ofTag && mapping) reports.image(source, ofTag, { tag, mapping }, pull);
    if (isChild) reports.image(source, digest, undefined, pull);
  });
}
