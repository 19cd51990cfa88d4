import { readConnectionUrl } from "./connection-url.ts";
import type { Database } from "./database.ts";
import type { PgOptions } from "./pg.ts";

export interface ServerOptions extends PgOptions {
  /** How to speak to it. Default: Neon's own driver where the URL's host is Neon's, else node-postgres. */
  readonly driver?: "pg" | "neon";
}

/** Opens a PostgreSQL server. What needs the embedded database is not imported, so that a bundle is without it. */
export async function connectServer({ driver, ...given }: ServerOptions): Promise<Database> {
  const options = {
    ...given,
    url: readConnectionUrl(given.url),
    directUrl: given.directUrl && readConnectionUrl(given.directUrl, "DATABASE_DIRECT_URL"),
  };
  if ((driver ?? (isNeon(options.url) ? "neon" : "pg")) === "neon") {
    const { connectNeon } = await import("./neon.ts");
    return connectNeon(options);
  }
  const { connectPg } = await import("./pg.ts");
  return connectPg(options);
}

function isNeon(url: string): boolean {
  return URL.parse(url)?.hostname.endsWith(".neon.tech") ?? false;
}
