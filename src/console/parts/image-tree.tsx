// Image tree: an index with its platforms, each with its config and layers, and a bar for the size of each layer.

import type { ImageDetailAnswer } from "../../api/images.ts";
import { NOT_RECORDED } from "../../text/recorded.ts";
import { Bar, Digest, Time } from "./parts.tsx";
import { Columns, Scroll } from "./table.tsx";
import { bytes, plural } from "./words.ts";

type Manifest = ImageDetailAnswer["manifests"][number];
type LayerRow = NonNullable<Manifest["layers"]>[number];

/** Number of platforms that are expanded initially. */
const INITIALLY_OPEN = 1;

export function ImageTree({ image, now }: { image: ImageDetailAnswer; now: number }) {
  const { manifests } = image;
  const children = manifests.filter((one) => one.digest !== image.digest);
  const isIndex = children.length > 0;
  const here = manifests.filter((one) => one.here);
  const first = new Set(here.slice(0, INITIALLY_OPEN));
  const branches = manifests.map((manifest) => (
    <li>
      <Branch manifest={manifest} isOpen={first.has(manifest)} now={now} />
    </li>
  ));
  return (
    <>
      {isIndex && (
        <p>
          Index of {plural(children.length, "manifest")},{" "}
          {children.filter((one) => one.here).length} of them cached. A platform is fetched on its
          first pull.
        </p>
      )}
      <ul class="tree">{branches}</ul>
    </>
  );
}

function Branch({ manifest, isOpen, now }: { manifest: Manifest; isOpen: boolean; now: number }) {
  const { platform, digest, here, config, layers = [], layersLeftOut = 0 } = manifest;
  const sum = [...(config ? [config] : []), ...layers].reduce(
    (all, { size }) => all + size,
    manifest.size,
  );
  const name = (
    <>
      <b>{platform ?? config?.os ?? "manifest"}</b> <Digest digest={digest} />
    </>
  );
  if (!here)
    return (
      <p class="absent">
        {name} <span class="badge">not cached</span>
      </p>
    );
  return (
    <details open={isOpen}>
      <summary>
        {name} <span class="number">{bytes(sum)}</span>
      </summary>
      <LayerBar layers={layers} />
      {config && <Config config={config} now={now} />}
      <Layers layers={layers} />
      {layersLeftOut > 0 && <p class="hint">{plural(layersLeftOut, "more layer")} not shown.</p>}
    </details>
  );
}

/** One bar of all layers, side by side. */
function LayerBar({ layers }: { layers: readonly LayerRow[] }) {
  const whole = layers.reduce((all, { size }) => all + size, 0);
  let from = 0;
  return (
    <svg class="layers" viewBox="0 0 1000 12" preserveAspectRatio="none" aria-hidden="true">
      {layers.map(({ size, here }, at) => {
        const width = whole === 0 ? 0 : (1000 * size) / whole;
        const rect = (
          <rect
            class={`fill ${here ? `layer-${at % 4}` : "missing"}`}
            x={from.toFixed(1)}
            width={Math.max(1, width - 1.5).toFixed(1)}
            height="12"
          />
        );
        from += width;
        return rect;
      })}
    </svg>
  );
}

function Layers({ layers }: { layers: readonly LayerRow[] }) {
  const largest = Math.max(1, ...layers.map(({ size }) => size));
  if (layers.length === 0) return <p class="hint">No layers.</p>;
  return (
    <Scroll label="Layers">
      <table>
        <Columns names={["Layer", "Media type", { number: "Size" }, "Cached", "Shared with"]} />
        <tbody>
          {layers.map(({ digest, mediaType, size, here, sharedBy }, at) => (
            <tr>
              <th scope="row">
                <Digest digest={digest} />
              </th>
              <td class="hint">{briefType(mediaType)}</td>
              <td class="number sized">
                {bytes(size)}
                <Bar part={size} whole={largest} kind={here ? `layer-${at % 4}` : "missing"} />
              </td>
              <td>{here ? "yes" : "no"}</td>
              <td class="hint">{sharedBy > 0 ? plural(sharedBy, "manifest") : ""}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Config({ config, now }: { config: NonNullable<Manifest["config"]>; now: number }) {
  const { created, entrypoint, command, user, environment, labels } = config;
  const facts: [string, string][] = [];
  if (entrypoint) facts.push(["Entrypoint", JSON.stringify(entrypoint)]);
  if (command) facts.push(["Command", JSON.stringify(command)]);
  if (user !== undefined) facts.push(["User", user]);
  if (environment) facts.push(["Environment", environment.join(", ")]);
  for (const [name, value] of Object.entries(labels ?? {})) facts.push([name, value]);
  return (
    <dl class="facts">
      <dt>Config</dt>
      <dd>
        <Digest digest={config.digest} /> <span class="number">{bytes(config.size)}</span>
      </dd>
      {config.here && (
        <>
          <dt>Created</dt>
          <dd>{created === undefined ? NOT_RECORDED : <Time at={created} now={now} />}</dd>
        </>
      )}
      {facts.map(([name, value]) => (
        <>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </>
      ))}
    </dl>
  );
}

/** Shortens a media type by its common prefix. */
function briefType(mediaType: string): string {
  return mediaType.replace(/^application\/vnd\./, "");
}
