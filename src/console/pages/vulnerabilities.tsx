// Vulnerabilities pages: cached images by what scanners found in them, and one image's findings with their fixes.

import type { VerdictAnswer, VerdictSummaryAnswer, VerdictsAnswer } from "../../api/verdicts.ts";
import { SEVERITIES } from "../../config/severity.ts";
import { withQuery } from "../parts/api.ts";
import { SeverityCounts } from "../parts/image-verdicts.tsx";
import { Card, Digest, Empty, imagePath, Time } from "../parts/parts.tsx";
import { Columns, Scroll } from "../parts/table.tsx";
import type { PageVisit, Sections, View } from "../parts/visit.ts";
import { count } from "../parts/words.ts";

const PAGE = 50;
const SECTION = "/images";
const WORST_FIRST = SEVERITIES.toReversed();

export function addVulnerabilities({ page }: Sections): void {
  page("/vulnerabilities", listPage);
  page("/vulnerabilities/image", findingsPage);
}

async function listPage({ api, query, now }: PageVisit): Promise<View> {
  const given = Object.fromEntries(
    ["severity", "fixable", "after"].map((name) => [name, query.get(name) || undefined]),
  );
  const { verdicts, next } = await api.get<VerdictsAnswer>("/verdicts", { ...given, n: PAGE });
  return {
    title: "Vulnerabilities",
    section: SECTION,
    body: (
      <>
        <search>
          <form method="get" action="/vulnerabilities" class="search">
            <label>
              At least{" "}
              <select name="severity">
                <option value="">any severity</option>
                {WORST_FIRST.map((one) => (
                  <option value={one} selected={one === given.severity}>
                    {one}
                  </option>
                ))}
              </select>
            </label>
            <label>
              <input
                type="checkbox"
                name="fixable"
                value="true"
                checked={given.fixable !== undefined}
              />{" "}
              with a fix
            </label>
            <button type="submit">Show</button>
          </form>
        </search>
        {verdicts.length === 0 ? (
          <Empty title="No scanned image matches">
            <p>
              Scanners report by <code>PUT /api/verdicts/DIGEST</code>; reports of trivy and grype
              are imported with <code>entrepot verdicts import FILE</code>.{" "}
              <a href="/guide/trust">Guide</a>
            </p>
          </Empty>
        ) : (
          <VerdictTable verdicts={verdicts} now={now} />
        )}
        {next !== undefined && (
          <p>
            <a
              class="button"
              rel="next"
              href={withQuery("/vulnerabilities", { ...given, after: String(next) })}
            >
              Next {PAGE}
            </a>
          </p>
        )}
      </>
    ),
  };
}

function VerdictTable({
  verdicts,
  now,
}: {
  verdicts: readonly VerdictSummaryAnswer[];
  now: number;
}) {
  return (
    <Scroll label="Vulnerabilities by image">
      <table>
        <Columns names={["Image", "Tags", "Vulnerabilities", "Last pulled", "Scanned", "Digest"]} />
        <tbody>
          {verdicts.map(({ digest, images, counts, scannedAt }) => {
            const [image] = images;
            return (
              <tr>
                <td>
                  {image ? <ImageName image={image} digest={digest} /> : "not cached"}
                  {images.length > 1 && (
                    <span class="hint"> and {count(images.length - 1)} more</span>
                  )}
                </td>
                <td>{image?.tags.join(", ")}</td>
                <td>
                  <SeverityCounts counts={counts} />
                </td>
                <td>{image?.pulledAt ? <Time at={image.pulledAt} now={now} /> : "never"}</td>
                <td>
                  <Time at={scannedAt} now={now} />
                </td>
                <td>
                  <a href={`/vulnerabilities/image?digest=${encodeURIComponent(digest)}`}>
                    <Digest digest={digest} />
                  </a>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Scroll>
  );
}

function ImageName({
  image: { name, place },
  digest,
}: {
  image: VerdictSummaryAnswer["images"][number];
  digest: string;
}) {
  if (name === undefined) return <>{place}</>;
  return <a href={imagePath(`${name}@${digest}`)}>{name}</a>;
}

async function findingsPage({ api, query, now }: PageVisit): Promise<View> {
  const digest = query.get("digest") ?? "";
  const verdict = await api.get<VerdictAnswer>(`/verdicts/${encodeURIComponent(digest)}`);
  return {
    title: "Vulnerabilities of an image",
    section: SECTION,
    body: (
      <>
        <Card>
          <dl class="facts">
            <dt>Digest</dt>
            <dd>
              <code class="whole">{verdict.digest}</code>
            </dd>
            <dt>Images</dt>
            <dd>
              {verdict.images.length === 0 && "not cached"}
              {verdict.images.map((image) => (
                <p>
                  <ImageName image={image} digest={verdict.digest} /> {image.tags.join(", ")}
                </p>
              ))}
            </dd>
            <dt>Vulnerabilities</dt>
            <dd>
              <SeverityCounts counts={verdict.counts} />
            </dd>
            {verdict.scanners.map(({ scanner, scannedAt, by, found }) => (
              <>
                <dt>{scanner}</dt>
                <dd>
                  {count(found)} found, scanned <Time at={scannedAt} now={now} />{" "}
                  <span class="hint">reported by {by}</span>
                </dd>
              </>
            ))}
          </dl>
        </Card>
        {verdict.vulnerabilities.length > 0 && <Findings verdict={verdict} now={now} />}
        {verdict.leftOut > 0 && <p>And {count(verdict.leftOut)} more.</p>}
      </>
    ),
  };
}

function Findings({ verdict, now }: { verdict: VerdictAnswer; now: number }) {
  return (
    <Scroll label="Vulnerabilities">
      <table>
        <Columns
          names={["Severity", "Id", "Package", "Version", "Fixed by", "Scanner", "First seen here"]}
        />
        <tbody>
          {verdict.vulnerabilities.map((one) => (
            <tr>
              <td>{one.severity}</td>
              <td>
                <code>{one.id}</code>
              </td>
              <td>{one.package}</td>
              <td>{one.version}</td>
              <td>{one.fixedBy ?? (one.fixable === false ? "no fix" : "not known")}</td>
              <td>{one.scanner}</td>
              <td>
                <Time at={one.firstSeen} now={now} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
