import { readConnectionUrl } from "./connection-url.ts";
import type { Database } from "./database.ts";
import type { PgOptions } from "./pg.ts";

export interface ServerOptions extends PgOptions {
  /** Default: Neon's own driver if the URL's host is Neon's, otherwise node-postgres. */
  readonly driver?: "pg" | "neon";
}

/** Connects to a PostgreSQL server. It does not import the embedded database, so that bundles do not contain it. */
export async function connectServer({ driver, ...input }: ServerOptions): Promise<Database> {
  const options = {
    ...input,
    url: readConnectionUrl(input.url),
    directUrl: input.directUrl && readConnectionUrl(input.directUrl, "databaseDirectUrl"),
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
