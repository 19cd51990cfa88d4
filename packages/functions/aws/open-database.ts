import { connectServer } from "@cairn/core/database/connect-server.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { assertIsolation } from "@cairn/core/database/role-check.ts";
import type { Settings } from "../settings.ts";

/** Opens the database of a function on AWS. Throws `unsafe_role` if its roles do not isolate tenants. */
export async function openDatabase(settings: Settings): Promise<Database> {
  const { databaseUrl: url, databaseDirectUrl: directUrl, databaseDriver: driver } = settings;
  const { connections, tenantConnections } = settings;
  const database = await connectServer({ url, directUrl, driver, connections, tenantConnections });
  try {
    await assertIsolation(database);
  } catch (error) {
    await database.close();
    throw error;
  }
  return database;
}
