import { AppError } from "../error.ts";
import type { Database } from "./database.ts";

export interface ConnectOptions {
  /** A PostgreSQL server's URL. Undefined: the embedded database. */
  readonly url?: string;
  /** The same server without a transaction pooler before it, for building indexes. Default: `url`. */
  readonly directUrl?: string;
  /** Folder of the embedded database. Default `./.cairn`. */
  readonly directory?: string;
  /** Connections to a server at most. Default 10. */
  readonly connections?: number;
  /** How to speak to the server. Default: Neon's own driver where the URL's host is Neon's, else node-postgres. */
  readonly driver?: "pg" | "neon";
}

/** Opens the database that the options name: a PostgreSQL server, or the embedded one. */
export async function connect(options: ConnectOptions): Promise<Database> {
  if (!options.url) {
    const { connectPglite } = await import("./pglite.ts");
    return connectPglite({ directory: options.directory ?? ".cairn" });
  }
  if (!/^postgres(ql)?:\/\//.test(options.url))
    throw new AppError("invalid_input", "DATABASE_URL must begin with postgres:// or postgresql://.", {
      path: "DATABASE_URL",
    });
  const { url, directUrl, connections, driver = isNeon(url) ? "neon" : "pg" } = options;
  if (driver === "neon") {
    const { connectNeon } = await import("./neon.ts");
    return connectNeon({ url, directUrl, connections });
  }
  const { connectPg } = await import("./pg.ts");
  return connectPg({ url, directUrl, connections });
}

function isNeon(url: string): boolean {
  return URL.parse(url)?.hostname.endsWith(".neon.tech") ?? false;
}
