import { connectServer } from "@cairn/core/database/connect-server.ts";
import { migrateSchema } from "@cairn/core/database/schema-migrations.ts";
import { readSettings } from "../settings.ts";
import { linkedResource } from "./linked-resource.ts";

/** Applies pending schema migrations over the direct URL. Runs at every deploy. */
export async function applySchema() {
  const { databaseUrl, databaseDirectUrl, databaseDriver } = readSettings(linkedResource, process.env);
  const database = await connectServer({ url: databaseDirectUrl ?? databaseUrl, driver: databaseDriver });
  try {
    // The SQL files are next to the bundle. `sst dev` runs the function there but does not set LAMBDA_TASK_ROOT.
    const folder = process.env.LAMBDA_TASK_ROOT ?? process.cwd();
    const applied = await migrateSchema(database, `${folder}/migrations`);
    return { applied: applied.map(({ version, name }) => `${version} ${name}`) };
  } finally {
    await database.close();
  }
}
