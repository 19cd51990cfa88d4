import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createEmptyDatabase, type TestDatabase } from "../../../test/support/database.ts";
import { assertIsolation } from "./role-check.ts";
import { selectRows } from "./rows.ts";
import { migrateSchema, rollbackSchema, schemaStatus } from "./schema-migrations.ts";

let empty: TestDatabase;
beforeAll(async () => {
  empty = await createEmptyDatabase();
});
afterAll(() => empty.drop());

const tables = () =>
  empty.database.transaction(({ orm }) =>
    selectRows<{ name: string }>(
      orm,
      sql`SELECT relname AS name FROM pg_class WHERE relnamespace = to_regnamespace('cairn') AND relkind IN ('r', 'p') ORDER BY 1`,
    ),
  );

test("every schema migration goes forth, back and forth again, and says where it is", async () => {
  const { database } = empty;
  const before = await schemaStatus(database);
  expect(before.applied).toEqual([]);
  expect(before.pending.map(({ version }) => version)).toEqual([1, 2]);
  await expect(assertIsolation(database)).rejects.toMatchObject({ code: "schema_outdated" });

  expect(await migrateSchema(database)).toEqual(before.pending);
  expect(await migrateSchema(database)).toEqual([]);
  await assertIsolation(database);
  const full = await tables();
  expect(full.length).toBeGreaterThan(38);

  const back = await rollbackSchema(database, { steps: before.pending.length });
  expect(back).toEqual(before.pending.toReversed());
  expect(await tables()).toEqual([{ name: "schema_migrations" }]);

  await Promise.all([migrateSchema(database), migrateSchema(database)]);
  expect(await tables()).toEqual(full);
  expect((await schemaStatus(database)).pending).toEqual([]);
});
