import { connectServer, type ServerOptions } from "./connect-server.ts";
import type { Database } from "./database.ts";

export interface ConnectOptions extends Omit<ServerOptions, "url"> {
  /** A PostgreSQL server's URL. Undefined: the embedded database. */
  readonly url?: string;
  /** Folder of the embedded database. Default `./.cairn`. */
  readonly directory?: string;
}

/** Connects to a PostgreSQL server, or opens the embedded database if there is no `url`. */
export async function connect({ url, directory = ".cairn", ...options }: ConnectOptions): Promise<Database> {
  if (url) return connectServer({ url, ...options });
  const { connectPglite } = await import("./pglite.ts");
  return connectPglite({ directory });
}
