// The least a Worker can do with R2: streams an object, or first puts there what `?from=URL` names.

interface Env {
  BUCKET: R2Bucket;
}

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    const key = pathname.slice(1);
    const from = searchParams.get("from");
    if (from !== null) {
      const upstream = await fetch(from, { headers: { "Accept-Encoding": "identity" } });
      if (upstream.status !== 200) return new Response("the upstream failed", { status: 502 });
      // One stream of known length, in one put: no store can take it with less.
      await env.BUCKET.put(key, upstream.body);
    }
    const object = await env.BUCKET.get(key);
    if (!object) return new Response("nothing here", { status: 404 });
    return new Response(object.body, { headers: { "Content-Length": String(object.size) } });
  },
} satisfies ExportedHandler<Env>;
