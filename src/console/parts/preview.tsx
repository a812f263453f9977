// Lifecycle preview: how many images would expire, which, and why.

import type { PreviewAnswer } from "../../api/lifecycle.ts";
import { Bar, imagePath, Time } from "./parts.tsx";
import { Columns, Scroll } from "./table.tsx";
import { bytes, count, duration, percent, plural } from "./words.ts";

/** Maximum number of images shown; the API lists more. */
const MAX_SHOWN = 100;

export function Preview({ preview, now }: { preview: PreviewAnswer; now: number }) {
  const { images, examined, expired, more, pinned, bytesFreed, grace } = preview;
  const all = images.length + more;
  return (
    <>
      <dl class="tiles small">
        <div class="tile">
          <dt>Would expire</dt>
          <dd class="value">{count(all)}</dd>
          <dd class="hint">of {plural(examined, "image")}</dd>
        </div>
        <div class="tile">
          <dt>Would be freed</dt>
          <dd class="value">{bytes(bytesFreed)}</dd>
          <dd class="hint">
            {percent(bytesFreed, preview.bytes)} of {bytes(preview.bytes)}
          </dd>
        </div>
        <div class="tile">
          <dt>Kept by pins</dt>
          <dd class="value">{count(pinned)}</dd>
          <dd class="hint">grace period: {duration(grace)}</dd>
        </div>
      </dl>
      <Bar name="freed" part={bytesFreed} whole={preview.bytes} kind="series-3" track />
      {expired.length > 0 && (
        <ul>
          {expired.map(({ policy, priority, images }) => (
            <li>
              {plural(images, "image")} by the rule with priority {priority} of {policy}
            </li>
          ))}
        </ul>
      )}
      {images.length === 0 ? (
        <p class="hint">Nothing would expire now.</p>
      ) : (
        <Scroll label="Images that would expire" tall>
          <table>
            <Columns names={["Image", { number: "Size" }, "Reason"]} />
            <tbody>
              {images.slice(0, MAX_SHOWN).map((image) => (
                <tr>
                  <th scope="row">
                    <a href={imagePath(`${image.name}@${image.digest}`)}>{image.name}</a>{" "}
                    {image.tags.slice(0, 3).map((tag) => (
                      <span class="tag">{tag}</span>
                    ))}
                  </th>
                  <td class="number">{bytes(image.size)}</td>
                  <td>
                    {image.reason}
                    {image.markedAt !== undefined && (
                      <span class="hint">
                        , marked <Time at={image.markedAt} now={now} />
                      </span>
                    )}
                    {image.waiting !== undefined && (
                      <span class="badge careful">kept for now: {image.waiting}</span>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
      {all > Math.min(MAX_SHOWN, images.length) && (
        <p class="hint">and {count(all - Math.min(MAX_SHOWN, images.length))} more</p>
      )}
    </>
  );
}
