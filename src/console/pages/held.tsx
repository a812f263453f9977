// Held tags page: tags that serve an older digest, or none, because their new one is too young; and the release of one.

import type { HeldAnswer, HeldReleasedAnswer, HeldTagAnswer } from "../../api/held.ts";
import { orRefused, Refused, withQuery } from "../parts/api.ts";
import { fieldIn, Line } from "../parts/fields.tsx";
import { ActionLink, Digest, Empty, imagePath, Time } from "../parts/parts.tsx";
import { Columns, Scroll } from "../parts/table.tsx";
import type { Done, PageVisit, Sections, View } from "../parts/visit.ts";
import { formPage } from "./form-page.tsx";

const SECTION = "/images";
const PAGE = 100;

export function addHeld({ page, action }: Sections): void {
  page("/held", heldPage);
  action("/held/release", async ({ query }) => releaseForm(query), release);
}

async function heldPage({ api, query, now, person }: PageVisit): Promise<View> {
  const cursor = query.get("cursor") ?? undefined;
  const { held, next } = await api.get<HeldAnswer>("/held", { n: PAGE, cursor });
  return {
    title: "Held tags",
    section: SECTION,
    body: (
      <>
        {held.length === 0 ? (
          <Empty title="No held tags">
            <p>
              Under a rule with <code>minimumAge</code>, a tag serves a new digest only once it was
              seen to mean it for that long. Until then it is listed here.
            </p>
          </Empty>
        ) : (
          <HeldTable held={held} now={now} mayChange={person.role === "admin"} />
        )}
        {next !== undefined && (
          <p>
            <a class="button" rel="next" href={withQuery("/held", { cursor: next })}>
              Next {PAGE}
            </a>
          </p>
        )}
      </>
    ),
  };
}

interface Table {
  held: readonly HeldTagAnswer[];
  now: number;
  mayChange: boolean;
}

function HeldTable({ held, now, mayChange }: Table) {
  const names = [
    "Tag",
    "Serves",
    "New digest",
    "Seen since",
    "Held until",
    { number: "Moves" },
    "",
  ];
  return (
    <Scroll label="Held tags">
      <table>
        <Columns names={names} />
        <tbody>
          {held.map(({ reference, serves, candidate, since, until, moves }) => (
            <tr>
              <td>
                <a href={imagePath(reference)}>{reference}</a>
              </td>
              <td>{serves === undefined ? "nothing: refused" : <Digest digest={serves} />}</td>
              <td>
                <Digest digest={candidate} />
              </td>
              <td>
                <Time at={since} now={now} />
              </td>
              <td>
                {until === undefined ? "released" : <time datetime={until}>{inWords(until)}</time>}
              </td>
              <td class="number">{moves}</td>
              <td>
                <ActionLink
                  may={mayChange}
                  href={withQuery("/held/release", { reference, digest: candidate })}
                >
                  Release
                </ActionLink>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function inWords(iso: string): string {
  return `${iso.slice(0, 16).replace("T", " ")} UTC`;
}

function releaseForm(given: URLSearchParams, problems: readonly string[] = []): View {
  const [reference, digest] = ["reference", "digest"].map((name) => given.get(name) ?? "");
  return formPage({
    title: "Release a held tag",
    section: SECTION,
    action: "/held/release",
    button: "Release",
    danger: true,
    back: "/held",
    problems,
    children: (
      <>
        <p>
          <code>{reference}</code> serves <code class="whole">{digest}</code> before it is old
          enough, everywhere within a minute.
        </p>
        <input type="hidden" name="reference" value={reference} />
        <input type="hidden" name="digest" value={digest} />
        <Line
          label="Reason"
          name="reason"
          value={given.get("reason") ?? ""}
          required
          hint="Written to the event; the audit log says who released it."
        />
        <Line
          label="Until"
          name="until"
          value={given.get("until") ?? ""}
          placeholder="2026-12-24T18:00:00Z"
          hint="End of the release. Default: 30 days, or when the digest is old enough."
        />
      </>
    ),
  });
}

async function release({ api }: PageVisit, form: URLSearchParams): Promise<Done | View> {
  const [reference = "", digest = "", reason = "", until = ""] = [
    "reference",
    "digest",
    "reason",
    "until",
  ].map((name) => fieldIn(form, name));
  const body = { reference, digest, reason, ...(until !== "" && { until }) };
  const done = await orRefused(api.send<HeldReleasedAnswer>("POST", "/held/release", { body }));
  if (done instanceof Refused) return releaseForm(form, done.problems);
  const text = `${done.reference} is released until ${inWords(done.until)}.`;
  return { to: "/held", flash: { good: true, text } };
}
