// Reference page: the configuration fields, generated from the schemas that parse them.

import type { Field } from "../../reference/fields.ts";
import { reference } from "../../reference/reference.ts";
import { Card } from "../parts/parts.tsx";
import { Columns, Scroll } from "../parts/table.tsx";
import type { Sections, View } from "../parts/visit.ts";

export function addDocs({ page }: Sections): void {
  page("/docs", docsPage);
}

async function docsPage(): Promise<View> {
  const sections = reference();
  return {
    title: "Reference",
    section: "/docs",
    body: (
      <>
        <p>
          Configuration fields, in <code>wrangler.toml</code> and in the API. Errors name the
          field's path: <code>npm run check</code> reports them before a deployment, and so does
          every response of a deployment whose configuration is invalid. The API is described by{" "}
          <a href="/api/openapi.json">its OpenAPI 3.1 document</a>.
        </p>
        <ul class="jumps">
          {sections.map(({ id, title }) => (
            <li>
              <a href={`#${id}`}>{title}</a>
            </li>
          ))}
        </ul>
        {sections.map(({ id, title, about, fields }) => (
          <div id={id}>
            <Card title={title}>
              <p>{about}</p>
              <Fields title={title} id={id} fields={fields} />
            </Card>
          </div>
        ))}
      </>
    ),
  };
}

function Fields({ title, id, fields }: { title: string; id: string; fields: readonly Field[] }) {
  return (
    <Scroll label={title}>
      <table class="reference">
        <Columns names={["Field", "Type", "Default", "Description"]} />
        <tbody>
          {fields.map(({ path, type, required, default: usual, description }) => (
            <tr id={`${id}-${path}`}>
              <th scope="row">
                <code>{path}</code>
              </th>
              <td class="hint">{type}</td>
              <td>{required ? <b>required</b> : usual !== undefined && <code>{usual}</code>}</td>
              <td>{description}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
