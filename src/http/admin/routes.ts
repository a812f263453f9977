// What the API's routes have in common: how their parameters are read, what they answer, and what is refused.

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { PROBLEM_TYPE, problem } from "../../api/problem.ts";
import { describe } from "../../config/issues.ts";
import { parseJson } from "../../config/json.ts";
import { answerJson } from "../shared/answers.ts";
import { type ApiProblem, invalid } from "./problem.ts";

export type Api = OpenAPIHono;

/** Takes note of what somebody is about to do: what cannot be noted is not done either. */
export type Note = (request: Request, what: string) => Promise<void>;

/** Where the page after this one is, as a field and as a header; neither where it is the last.
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
  /** Parameters; what is not among them is refused. */
  query?: z.ZodRawShape;
  /** Parts of the path. */
  params?: z.ZodRawShape;
  /** Of a body that is JSON, for the document: its handler reads it. */
  body?: z.ZodType;
  answer: z.ZodType;
  status?: 200 | 201 | 202;
  /** Statuses of its own problems. */
  problems?: number[];
}

/** Adds a route as it is described, and its answer as JSON.
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
    // Its handler reads it, within its bounds: the document alone is told.
    ...(body && { requestBody: { content: { "application/json": { schema: schemaOf(body) } } } }),
    responses: {
      [status]: { description: summary, content: { "application/json": { schema: answer } } },
      ...Object.fromEntries(
        [400, 401, 403, ...problems].map((code) => [
          code,
          { description: "a problem", content: { [PROBLEM_TYPE]: { schema: problem } } },
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

/** The body, as the schema reads it. Throws `invalid-request` (400).
 * @param what it is, in words @param hint what it has to hold */
export function bodyIn<T>(text: string, schema: z.ZodType<T>, what: string, hint: string): T {
  const given = parseJson(text);
  if ("problem" in given) throw invalid(`the body must be JSON, with ${hint}`);
  const parsed = schema.safeParse(given.value);
  if (parsed.success) return parsed.data;
  throw refusal(parsed.error.issues, what);
}

/** What a schema finds wrong, a sentence for each field. */
export function refusal(issues: readonly z.core.$ZodIssue[], what: string): ApiProblem {
  const messages = issues.flatMap((issue) => describe("", issue, what));
  return invalid(...messages.map((message) => message.replace(/^[.:]\s*/, "")));
}
