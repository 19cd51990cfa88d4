import { Hono } from "hono";
import { createMiddleware } from "hono/factory";
import type { Env } from "../context.ts";

/** Reads a file of the console by name. Undefined: there is no such file. */
export type ConsoleAssets = (name: string) => Promise<Uint8Array<ArrayBuffer> | undefined>;

const CONSOLE_PATH = "/console";

const TYPES: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
};

/** Allows only files and requests of the service itself, and neither inline scripts nor inline styles. */
const CONTENT_SECURITY_POLICY =
  "default-src 'self'; object-src 'none'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'";

/** Sends a browser that opens the root to the console. Other requests are handled as before. */
export const redirectBrowsers = createMiddleware<Env>(async (c, next) => {
  const isBrowser = c.req.method === "GET" && c.req.header("Accept")?.includes("text/html");
  if (isBrowser) return c.redirect(CONSOLE_PATH);
  await next();
});

/** Serves the console from files that the entry point provides. Only the page is read again at each visit. */
export function consoleRoutes(assets: ConsoleAssets) {
  return new Hono<Env>()
    .get(CONSOLE_PATH, async (c) => {
      const page = await assets("page.html");
      if (!page) return c.notFound();
      c.header("Content-Security-Policy", CONTENT_SECURITY_POLICY);
      return c.body(page, 200, { "Content-Type": "text/html; charset=utf-8" });
    })
    .get(`${CONSOLE_PATH}/:name`, async (c) => {
      const name = c.req.param("name");
      const type = /^[\w-]+\.(\w+)$/.test(name) ? TYPES[name.split(".").at(-1) ?? ""] : undefined;
      const file = type && (await assets(name));
      if (!file) return c.notFound();
      return c.body(file, 200, {
        "Content-Type": type,
        "Cache-Control": "public, max-age=31536000, immutable", // the name contains a hash of the content
      });
    });
}
