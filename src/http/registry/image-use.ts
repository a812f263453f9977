// Image use: what a response means for an image's expiry. A manifest that was sent counts as a pull; HEAD and 304 show that a
// client still uses the image. Both keep the image from expiring, unless the client is configured not to (`touches`).

import type { RegistryRequest as Wanted } from "../../oci/path.ts";
import type { Source } from "../../policy/source.ts";
import type { PulledManifest } from "../../pull/manifest.ts";
import type { Pull } from "../../pull/pull.ts";
import type { PullServices } from "../../pull/services.ts";
import type { Admitted } from "./registry-auth.ts";

type Use = Pull & Pick<Admitted, "touches">;

/** Calls `tell` unless the client's requests do not count as use. */
export function unlessQuiet({ touches, later }: Use, tell: () => void): void {
  if (touches === true) tell();
  else if (touches)
    later(
      touches().then((does) => {
        if (does) tell();
      }),
    );
}

/** Reports the use of the tag's own manifest and of the child chosen for the client. As a pull it counts once. */
export function reportUse(
  { reports }: PullServices,
  source: Source,
  wanted: Wanted & { kind: "manifest" },
  { digest, mapping }: PulledManifest,
  isPull: boolean,
  asked: Use,
): void {
  const { tag } = wanted;
  const meant = tag === undefined ? undefined : mapping;
  if (isPull) reports.counted(source, meant?.digest ?? digest, tag ?? "", asked);
  const isChild = meant?.digest !== digest;
  unlessQuiet(asked, () => {
    if (!isPull) {
      if (meant) reports.checked(source, meant.digest, asked);
      if (isChild) reports.checked(source, digest, asked);
      return;
    }
    if (tag !== undefined && meant)
      reports.image(source, meant.digest, { tag, mapping: meant }, asked);
    if (isChild) reports.image(source, digest, undefined, asked);
  });
}
