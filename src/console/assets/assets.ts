// Console assets: style sheet, script and icon, served under names that contain their hash, so that browsers cache them for a year.

import { createHash } from "node:crypto";
import baseStyle from "./base.css";
import script from "./console.client.js";
import formsStyle from "./forms.css";
import guideStyle from "./guide.css";
import icon from "./icon.svg";
import partsStyle from "./parts.css";

interface Asset {
  type: string;
  text: string;
  /** First 12 hex digits of the SHA-256 of the text. */
  tag: string;
}

type Name = "console.css" | "console.js" | "icon.svg";
/** Hashed on first use. */
let assets: ReadonlyMap<string, Asset> | undefined;

function loadAssets(): ReadonlyMap<string, Asset> {
  assets ??= new Map<Name, Asset>([
    ["console.css", asset("text/css", baseStyle + partsStyle + formsStyle + guideStyle)],
    ["console.js", asset("text/javascript", script)],
    ["icon.svg", asset("image/svg+xml", icon)],
  ]);
  return assets;
}

function asset(type: string, text: string): Asset {
  const tag = createHash("sha256").update(text).digest("hex").slice(0, 12);
  return { type: `${type}; charset=utf-8`, text, tag };
}

/** Path of an asset, with its hash. */
export function pathOf(name: Name): string {
  return `/assets/${name}?${loadAssets().get(name)?.tag}`;
}

/** Serves an asset without authentication: assets say nothing about a deployment. Undefined for unknown names. */
export function answerAsset({ url }: Request): Response | undefined {
  const { pathname, search } = new URL(url);
  const found = loadAssets().get(pathname.slice("/assets/".length));
  if (!found) return undefined;
  const isNamed = search === `?${found.tag}`;
  const headers = {
    "Content-Type": found.type,
    "Cache-Control": isNamed ? "public, max-age=31536000, immutable" : "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Cross-Origin-Resource-Policy": "same-origin",
  };
  return new Response(found.text, { headers });
}
