// Routes of the admin API: registers one with its contract, and reads its parameters and body.

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { PROBLEM_TYPE, problem } from "../../api/problem.ts";
import { describe } from "../../config/issues.ts";
import { parseJson } from "../../config/json.ts";
import { answerJson } from "../shared/answers.ts";
import { type ApiProblem, invalid } from "./problem.ts";

export type Api = OpenAPIHono;

/** `Admin.note`. */
export type Note = (request: Request, what: string) => Promise<void>;

/** The next page of a list, as a field and as a Link header; neither on the last page.
 * @param path of the list */
export function nextOf(
  path: string,
  entries: readonly { id: number }[],
  limit: number,
): { next: { next?: string }; headers: Record<string, string> } {
  const last = entries.at(-1);
  if (!last || entries.length < limit) return { next: {}, headers: {} };
  const next = `${path}?n=${limit}&before=${last.id}`;
  return { next: { next }, headers: { Link: `<${next}>; rel="next"` } };
}

interface Described {
  method: "get" | "post" | "put" | "delete";
  path: string;
  summary: string;
  /** Query parameters; others are refused. */
  query?: z.ZodRawShape;
  /** Path parameters. */
  params?: z.ZodRawShape;
  /** Schema of a JSON body, for the document only: the handler reads the body. */
  body?: z.ZodType;
  answer: z.ZodType;
  status?: 200 | 201 | 202;
  /** Statuses of its problems besides 400, 401 and 403. */
  problems?: number[];
}

/** Adds a route with its description; its answer is sent as JSON.
 * @param act answers with a body of the route's schema, or with a Response of its own */
export function add<D extends Described>(
  api: Api,
  described: D,
  act: (
    query: z.infer<z.ZodObject<NonNullable<D["query"]>>>,
    context: Context,
  ) => Promise<z.infer<D["answer"]> | Response>,
): void {
  const { method, path, summary, params, body, answer, status = 200, problems = [] } = described;
  const query = z.strictObject(described.query ?? {});
  const route = createRoute({
    method,
    path,
    summary,
    request: {
      query,
      ...(params && { params: z.object(params) }),
    },
    // Only described here: the handler reads the body, up to a maximum size.
    ...(body && { requestBody: { content: { "application/json": { schema: schemaOf(body) } } } }),
    responses: {
      [status]: { description: summary, content: { "application/json": { schema: answer } } },
      ...Object.fromEntries(
        [400, 401, 403, ...problems].map((code) => [
          code,
          { description: "A problem (RFC 9457)", content: { [PROBLEM_TYPE]: { schema: problem } } },
        ]),
      ),
    },
  });
  api.openapi(route, (async (context: Context) => {
    const given = context.req.valid("query" as never);
    const answered = await act(given, context);
    return answered instanceof Response ? answered : answerJson(answered, {}, status);
  }) as never);
}

function schemaOf(body: z.ZodType): object {
  const { $schema: _, ...schema } = z.toJSONSchema(body, { io: "input", unrepresentable: "any" });
  return schema;
}

/** Parses the body with the schema. Throws `invalid-request` (400).
 * @param what names the body in messages @param hint what it has to hold */
export function bodyIn<T>(text: string, schema: z.ZodType<T>, what: string, hint: string): T {
  const given = parseJson(text);
  if ("problem" in given) throw invalid(`the body must be JSON, with ${hint}`);
  const parsed = schema.safeParse(given.value);
  if (parsed.success) return parsed.data;
  throw refusal(parsed.error.issues, what);
}

/** The issues of a schema as a problem, one message per field.
 * @param what names the request or body in messages */
export function refusal(issues: readonly z.core.$ZodIssue[], what: string): ApiProblem {
  const messages = issues.flatMap((issue) => describe("", issue, what));
  return invalid(...messages.map((message) => message.replace(/^[.:]\s*/, "")));
}
