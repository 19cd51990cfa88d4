import { connectServer } from "@cairn/core/database/connect-server.ts";
import { migrateSchema } from "@cairn/core/database/schema-migrations.ts";
import { linkedResource } from "./linked.ts";
import { readSettings } from "./settings.ts";

/** At every deploy: brings the schema up to date, over the direct URL. */
export async function handler() {
  const { databaseUrl, databaseDirectUrl, databaseDriver } = readSettings(linkedResource, process.env);
  const database = await connectServer({ url: databaseDirectUrl ?? databaseUrl, driver: databaseDriver });
  try {
    // The SQL files lie beside the bundle; `sst dev` runs it there, and does not say where that is.
    const folder = process.env.LAMBDA_TASK_ROOT ?? process.cwd();
    const applied = await migrateSchema(database, `${folder}/migrations`);
    return { applied: applied.map(({ version, name }) => `${version} ${name}`) };
  } finally {
    await database.close();
  }
}
