// The least a Worker can do with manifests: Hono and KV, the content type as the value's metadata.

import { Hono } from "hono";

interface Env {
  KV: KVNamespace;
}

interface Metadata {
  contentType: string;
}

const app = new Hono<{ Bindings: Env }>();

app.get("/v2/*", async (c) => {
  const { value, metadata } = await c.env.KV.getWithMetadata<Metadata>(c.req.path, "arrayBuffer");
  if (value === null || metadata === null) return c.notFound();
  return c.body(value, 200, { "Content-Type": metadata.contentType });
});

app.put("/v2/*", async (c) => {
  const metadata: Metadata = { contentType: c.req.header("Content-Type") ?? "" };
  await c.env.KV.put(c.req.path, await c.req.arrayBuffer(), { metadata });
  return c.body(null, 201);
});

export default app;
