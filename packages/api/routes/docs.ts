import { nextTurn } from "@cairn/core/turn.ts";
import { Hono } from "hono";
import type { Env } from "../context.ts";

/** Reads a file of swagger-ui-dist by name. Undefined: there is no such file. */
export type DocsAssets = (name: string) => Promise<Uint8Array<ArrayBuffer> | undefined>;

const TYPES: Readonly<Record<string, string>> = { css: "text/css", js: "text/javascript", png: "image/png" };
const ASSETS = ["swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"];

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Cairn API</title>
<link rel="icon" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="reference"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>`;

const START = `SwaggerUIBundle({ url: "/openapi.json", dom_id: "#reference", deepLinking: true, persistAuthorization: false });`;

/** Allows only files of the service itself: the reference works offline. */
const CONTENT_SECURITY_POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'";

/** Serves the API reference at /docs from files that the entry point provides. */
export function docsRoutes(assets: DocsAssets) {
  const files = new Map<string, ReturnType<DocsAssets>>(); // only files of ASSETS
  const read = (name: string) => {
    const file = files.get(name) ?? assets(name);
    files.set(name, file);
    file.catch(() => files.delete(name));
    return file;
  };
  return new Hono<Env>()
    .use("/docs/*", async (c, next) => {
      await next();
      c.header("Content-Security-Policy", CONTENT_SECURITY_POLICY);
    })
    .get("/docs", (c) => {
      c.header("Content-Security-Policy", CONTENT_SECURITY_POLICY);
      return c.html(PAGE);
    })
    .get("/docs/start.js", (c) => c.body(START, 200, { "Content-Type": "text/javascript" }))
    .get("/docs/:name", async (c) => {
      const name = c.req.param("name");
      const file = ASSETS.includes(name) ? await read(name) : undefined;
      await nextTurn(); // the file may have a megabyte
      if (!file) return c.notFound();
      return c.body(file, 200, {
        "Content-Type": TYPES[name.split(".").at(-1) ?? ""] ?? "application/octet-stream",
        "Cache-Control": "public, max-age=3600",
      });
    });
}
