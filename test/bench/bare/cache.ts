// The least a Worker can do with the Cache API: answers an entry, or first puts there what `?from=URL` names, whole.

const NAME = "bare";

export default {
  async fetch(request) {
    const url = new URL(request.url);
    const from = url.searchParams.get("from");
    url.search = "";
    const cache = await caches.open(NAME);
    if (from !== null) {
      const upstream = await fetch(from, { headers: { "Accept-Encoding": "identity" } });
      const length = upstream.headers.get("Content-Length");
      if (upstream.status !== 200 || length === null)
        return new Response("the upstream failed", { status: 502 });
      const headers = { "Content-Length": length, "Cache-Control": "public, max-age=31536000" };
      await cache.put(url, new Response(upstream.body, { headers }));
    }
    return (await cache.match(url)) ?? new Response("nothing here", { status: 404 });
  },
} satisfies ExportedHandler;
