// The API's document (OpenAPI): every route that it describes is there, wants what it says, and answers what it says.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { MAX_REPORT } from "../../src/scanning/parse-report.ts";
import { ADMIN, access, bearer, pullToken, shutCache, VIEWER } from "../support/access.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";
import { doorsOf } from "../support/doors.ts";
import type { Image } from "../support/fixture.ts";
import { pullWhole } from "../support/lifecycle.ts";
import { trivyReport } from "../support/reports.ts";
import { configure, newHook, unconfigure } from "../support/webhooks.ts";

interface Operation {
  summary: string;
  parameters?: { name: string; in: string; required?: boolean }[];
  requestBody?: { content: { "application/json": { schema: object } } };
  responses: Record<string, { content: Record<string, { schema: object }> }>;
}

interface Document {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object> };
}

const HOOK = newHook({ events: ["allowance.removed"] });
configure(HOOK);
afterAll(unconfigure);
/** A rule whose tags are held when they are first seen. */
const HELD = {
  prefix: "held",
  upstream: fixture.url("open") + apartPath(),
  minimumAge: "1h",
  minimumAgeFirst: "refuse",
};
const cache = shutCache({ RULES: [...doorsOf(fixture), HELD] });
const ask = (method: string, path: string, init: RequestInit = {}, token: string | null = ADMIN) =>
  cache.ask(`https://cache.example/api${path}`, {
    method,
    ...init,
    headers: { ...(token !== null && bearer(token)), ...(init.headers as Record<string, string>) },
  });

let document: Document;
let image: Image;
let tokenId: string;
let jobId: string;
let sessionId: string;
const operations: { method: string; path: string; operation: Operation }[] = [];

beforeAll(async () => {
  document = await (await ask("GET", "/openapi.json")).json();
  image = await fixture.image(NAME, "1");
  for (let tag = 2; tag <= 9; tag++) await fixture.image(NAME, String(tag));
  tokenId = (await pullToken(cache, ["**"])).id;
  sessionId = (await access.beginSession(crypto.randomUUID(), "admin", Date.now())).id;
  const job = { references: ["nothing.example/x:1"] };
  const begun = await ask("POST", "/prewarm", { body: JSON.stringify(job) });
  jobId = ((await begun.json()) as { id: string }).id;
  for (const [path, item] of Object.entries(document.paths))
    for (const [method, operation] of Object.entries(item))
      operations.push({ method: method.toUpperCase(), path, operation });
});

/** One that is there, whatever the test before has done to it. */
const RULE = { prefix: "documented-rule", upstream: "registry.documented.example" };
const cached = () => pullWhole(new Cache(), `open/${NAME}`, "1", image);
beforeEach(async () => {
  await ask("POST", "/rules", { body: JSON.stringify(RULE) });
  await cached();
  await ask("DELETE", `/images/pin?reference=open/${NAME}:1`);
  await ask("PUT", `/verdicts/${image.digest}`, { body: trivyReport(image) });
});

const STATUSES: Record<string, number> = {
  "/tokens": 201,
  "/quarantine": 201,
  "/allowances": 201,
  "/rules": 201,
  "/prewarm": 202,
};

/** An allowance that the admin token may confirm. */
const allowedByAnother = () => {
  const [at, until] = [Date.now(), Date.now() + 60_000];
  return access.allow({ digest: DIGEST, until, reason: "a test", who: "ann@example.com", at });
};

let rules = 0;
let held = 0;
const NAME = repository("documented");
const DIGEST = `sha256:${"d".repeat(64)}`;
/** What a good request to it has as its body. */
const BODIES: Record<string, unknown> = {
  "POST /tokens": {
    name: "documented",
    repositories: ["nothing/**"],
    expiry: "1d",
    networks: ["192.0.2.0/24"],
  },
  "POST /lifecycle/preview": { rules: [] },
  "PUT /lifecycle/policies": [{ rules: [] }],
  "POST /quarantine": { digest: DIGEST, reason: "a test" },
  "POST /allowances": { digest: DIGEST, until: "1h", reason: "a test" },
  "POST /held/release": () => {
    held += 1;
    return { reference: `held/${NAME}:${held}`, reason: "a test" };
  },
  "POST /rules": () => {
    rules += 1;
    return { ...RULE, prefix: `documented-${rules}` };
  },
  "POST /prewarm": { references: ["nothing.example/x:1"], platforms: ["all"], priority: 1 },
  "PUT /rules/{name}": { ...RULE, tagTtl: "5m" },
  "PUT /verdicts/{digest}": () => JSON.parse(trivyReport(image)),
};
const bodyOf = (method: string, path: string) => {
  const given = BODIES[`${method} ${path}`];
  const body = typeof given === "function" ? given() : given;
  return body === undefined ? {} : { body: JSON.stringify(body) };
};
/** Of a good request, where it wants a parameter. */
const QUERIES: Record<string, string> = {
  "/explain": "reference=open/documented:1",
  "/rules/validate": "rule=open",
  "/images/refresh": `reference=open/${NAME}:1`,
  "/images/detail": `reference=open/${NAME}:1`,
  "/images/pin": `reference=open/${NAME}:1`,
  "DELETE /images": `reference=open/${NAME}:1`,
  "DELETE /sessions": "role=viewer",
  "DELETE /verdicts/{digest}": "scanner=trivy",
};
const queryOf = (method: string, path: string) =>
  QUERIES[`${method} ${path}`] ?? QUERIES[path] ?? "";
const pathOf = (method: string, path: string, query = "") => {
  const all = [queryOf(method, path), query].filter((part) => part !== "").join("&");
  return filled(path) + (all === "" ? "" : `?${all}`);
};
const filled = (path: string) =>
  path
    .replace("/prewarm/{id}", `/prewarm/${jobId}`)
    .replace("/sessions/{id}", `/sessions/${sessionId}`)
    .replace("/webhooks/{name}", `/webhooks/${HOOK.name}`)
    .replace("/dead/{id}", "/dead/all")
    .replace("/verdicts/{digest}", `/verdicts/${image.digest}`)
    .replace("{id}", tokenId)
    .replace("{digest}", DIGEST)
    .replace("{name}", RULE.prefix);

/** The schema, with the components that it leans on. */
function validator(schema: object): z.ZodType {
  const { schemas } = document.components;
  const text = JSON.stringify({ ...schema, $defs: schemas }).replaceAll(
    "#/components/schemas/",
    "#/$defs/",
  );
  return z.fromJSONSchema(JSON.parse(text));
}

describe("the document", () => {
  it("is OpenAPI 3.1, and has a summary of every route", () => {
    expect(document.openapi).toBe("3.1.0");
    expect(operations.length).toBeGreaterThanOrEqual(12);
    for (const { operation } of operations) expect(operation.summary).toMatch(/^\p{Lu}.{5,}/u);
  });

  it("is for viewers and admins only", async () => {
    expect((await ask("GET", "/openapi.json", {}, null)).status).toBe(401);
    expect((await ask("GET", "/openapi.json", {}, VIEWER)).status).toBe(200);
  });

  it("describes every route that there is", async () => {
    const known = new Set(operations.map(({ method, path }) => `${method} ${path}`));
    for (const path of Object.keys(document.paths)) {
      for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) {
        if (known.has(`${method} ${path}`)) continue;
        // A rule may be called "validate".
        if (path === "/rules/validate" && known.has(`${method} /rules/{name}`)) continue;
        const response = await ask(method, pathOf(method, path));
        expect([method, path, response.status]).toEqual([method, path, 405]);
        expect(response.headers.get("allow")).not.toContain(method);
      }
    }
  });
});

it("each route answers a valid request as documented", async () => {
  for (const { method, path, operation } of operations) {
    if (path.startsWith("/images")) await cached(); // the one before may have deleted it
    if (path.endsWith("/confirm")) await allowedByAnother();
    const response = await ask(method, pathOf(method, path), bodyOf(method, path));
    const described = operation.responses[String(response.status)];
    expect([method, path, response.status]).toEqual([
      method,
      path,
      (method === "POST" && STATUSES[path]) || 200,
    ]);
    const schema = described?.content["application/json"]?.schema as object;
    const parsed = validator(schema).safeParse(await response.json());
    expect([method, path, parsed.error?.issues ?? []]).toEqual([method, path, []]);
  }
});

it("each route refuses requests without credentials, and changes by a viewer", async () => {
  for (const { method, path } of operations) {
    const anonymous = await ask(method, pathOf(method, path), bodyOf(method, path), null);
    expect([method, path, anonymous.status]).toEqual([method, path, 401]);
    await expectProblem(anonymous);
    const viewer = await ask(method, pathOf(method, path), bodyOf(method, path), VIEWER);
    const isReading = method === "GET" || path === "/lifecycle/preview";
    expect([method, path, viewer.status]).toEqual([method, path, isReading ? 200 : 403]);
    if (!isReading) await expectProblem(viewer);
  }
});

it("each route refuses an unknown parameter, and an invalid value", async () => {
  for (const { method, path, operation } of operations) {
    const unknown = await ask(method, pathOf(method, path, "nothing=1"), bodyOf(method, path));
    expect([method, path, unknown.status]).toEqual([method, path, 400]);
    expect((await expectProblem(unknown)).detail).toBe("nothing: is not a field of this request");
    for (const { name, in: where } of operation.parameters ?? []) {
      if (where !== "query") continue;
      if (["host", "ns", "rule", "q", "scanner"].includes(name)) continue; // any text
      const others = queryOf(method, path)
        .split("&")
        .filter((part) => !part.startsWith(`${name}=`));
      const query = [...others, `${name}=%7Bwrong`].filter((part) => part !== "").join("&");
      const wrong = await ask(method, `${filled(path)}?${query}`, bodyOf(method, path));
      expect([method, path, name, wrong.status]).toEqual([method, path, name, 400]);
      expect((await expectProblem(wrong)).detail).toContain(name);
    }
  }
});

it("each route with a body refuses an invalid one, and one that is too long", async () => {
  const withBody = operations.filter(({ method, path }) => `${method} ${path}` in BODIES);
  expect(withBody).toHaveLength(10);
  for (const { method, path } of withBody) {
    for (const body of ["{", "[]x", '{"what":1}']) {
      const response = await ask(method, pathOf(method, path), { body });
      expect([path, body, response.status]).toEqual([path, body, 400]);
      await expectProblem(response);
    }
    const size = path.startsWith("/verdicts/") ? MAX_REPORT + 1 : 300_000;
    const long = await ask(method, pathOf(method, path), { body: " ".repeat(size) });
    expect([path, long.status]).toEqual([path, 413]);
    await expectProblem(long);
  }
});

async function expectProblem(response: Response) {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const problem = (await response.json()) as {
    type: string;
    status: number;
    detail: string;
    errors: { code?: string; message: string }[];
  };
  const checked = validator(document.components.schemas.Problem as object).safeParse(problem);
  expect(checked.error?.issues ?? []).toEqual([]);
  expect(problem.status).toBe(response.status);
  expect(problem.type).toMatch(/^\/guide\/api#[a-z-]+$/);
  // A command line of the version before reads these messages; the codes of OCI are for registries.
  expect(problem.errors.map(({ message }) => message).join("; ")).toBe(problem.detail);
  expect(problem.errors.filter(({ code }) => code !== undefined)).toEqual([]);
  return problem;
}
