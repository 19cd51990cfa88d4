import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { useTestDatabase } from "./support/fixture.ts";

// pg_restore runs what pg_dump has written with an empty search path. Every object has to name its operators with their schema.

const testDatabase = useTestDatabase();

test("each trigger can be created from its definition with an empty search path, as pg_restore does", async () => {
  const restored = await testDatabase.database.transaction(async ({ orm, script }) => {
    await script("SET LOCAL search_path = ''");
    const triggers = await orm.selectRows<{ name: string; table: string; definition: string }>(sql`
      SELECT quote_ident(tgname) AS name, tgrelid::regclass::text AS "table", pg_get_triggerdef(oid) AS definition
      FROM pg_catalog.pg_trigger
      WHERE NOT tgisinternal AND tgparentid = 0 AND tgrelid::regclass::text LIKE 'cairn.%'`);
    for (const { name, table, definition } of triggers) await script(`DROP TRIGGER ${name} ON ${table}; ${definition}`);
    return triggers.map(({ name }) => name);
  });
  expect(restored).toContain("documents_forget_bits");
});
