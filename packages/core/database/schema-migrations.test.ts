import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createEmptyDatabase, serverUrl, type TestDatabase } from "../../../test/support/database.ts";
import { schemaSteps } from "../../../test/support/schema-steps.ts";
import { connectPg } from "./pg.ts";
import { assertIsolation } from "./role-check.ts";
import { selectRows } from "./rows.ts";
import { migrateSchema, rollbackSchema, type SchemaMigration, schemaStatus } from "./schema-migrations.ts";

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

test("all schema migrations can be applied, reverted and applied again, and the status is correct each time", async () => {
  const { database } = empty;
  const before = await schemaStatus(database);
  expect(before.applied).toEqual([]);
  expect(before.pending).toEqual(await schemaSteps());
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

function fileName({ version, name }: SchemaMigration): string {
  return `${String(version).padStart(4, "0")}_${name}`;
}

/** Runs `work` with a copy of the real schema migrations and additional files. */
async function withMigrations(
  files: Readonly<Record<string, string>>,
  work: (directory: string) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "cairn-migrations-"));
  try {
    await cp(fileURLToPath(new URL("../../../migrations", import.meta.url)), directory, { recursive: true });
    for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
    await work(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

test("a failed schema migration changes nothing, and reverts those applied before it in the same run", async () => {
  const { database } = empty;
  const before = { tables: await tables(), status: await schemaStatus(database) };
  const files = {
    "0103_fine.up.sql": "CREATE TABLE cairn.fine (); ALTER TABLE cairn.tenants ADD COLUMN fine text;",
    "0103_fine.down.sql": "DROP TABLE cairn.fine",
    "0104_broken.up.sql": "CREATE TABLE cairn.half (); DO $$ BEGIN RAISE 'broken'; END $$; CREATE TABLE cairn.rest ()",
  };
  await withMigrations(files, async (directory) => {
    await expect(migrateSchema(database, directory)).rejects.toMatchObject({ code: "database_error" });
    expect((await schemaStatus(database, directory)).pending.map(({ version }) => version)).toEqual([103, 104]);
  });
  expect(await tables()).toEqual(before.tables);
  expect(await schemaStatus(database)).toEqual(before.status);
});

test("a failed rollback changes nothing", async () => {
  const { database } = empty;
  const before = await tables();
  const newest = (await schemaSteps()).at(-1) as SchemaMigration;
  await withMigrations(
    { [`${fileName(newest)}.down.sql`]: "DROP TABLE cairn.api_keys; DO $$ BEGIN RAISE 'broken'; END $$" },
    async (directory) => {
      await expect(rollbackSchema(database, { directory })).rejects.toMatchObject({ code: "database_error" });
    },
  );
  expect(await tables()).toEqual(before);
  expect((await schemaStatus(database)).pending).toEqual([]);
});

test("each schema migration can be reverted by itself, newest first", async () => {
  const { database } = empty;
  const full = await tables();
  const GONE: Readonly<Record<number, RegExp>> = {
    4: /^api_keys$/,
    3: /^collection_indexes$/,
    2: /^migration_/,
    1: /^documents$/,
  };
  for (const step of (await schemaSteps()).toReversed()) {
    expect(await rollbackSchema(database)).toEqual([step]);
    const gone = GONE[step.version];
    if (gone) expect((await tables()).some(({ name }) => gone.test(name))).toBe(false);
  }
  expect(await tables()).toEqual([{ name: "schema_migrations" }]);
  expect(await rollbackSchema(database)).toEqual([]);
  await migrateSchema(database);
  expect(await tables()).toEqual(full);
});

test("migrate, rollback and status refuse a database with a schema migration of a newer version", async () => {
  const { database } = empty;
  await withMigrations({ "0999_future.up.sql": "SELECT 1", "0999_future.down.sql": "SELECT 1" }, async (directory) => {
    await migrateSchema(database, directory);
    const newer = {
      code: "schema_outdated",
      message: expect.stringMatching(/schema migration 999,.*newer Cairn/),
    };
    await expect(migrateSchema(database)).rejects.toMatchObject(newer);
    await expect(rollbackSchema(database)).rejects.toMatchObject(newer);
    await expect(schemaStatus(database)).rejects.toMatchObject(newer);
    await rollbackSchema(database, { directory });
  });
});

test("schema migrations are applied in numeric order, also after 99", async () => {
  const { database } = empty;
  const files = Object.fromEntries(
    [110, 103, 99].flatMap((version) => {
      const name = `${String(version).padStart(4, "0")}_step`;
      return [
        [`${name}.up.sql`, "SELECT 1"],
        [`${name}.down.sql`, "SELECT 1"],
      ];
    }),
  );
  await withMigrations(files, async (directory) => {
    expect((await migrateSchema(database, directory)).map(({ version }) => version)).toEqual([99, 103, 110]);
    const back = await rollbackSchema(database, { directory, steps: 3 });
    expect(back.map(({ version }) => version)).toEqual([110, 103, 99]);
  });
});

describe.runIf(serverUrl())("on a server", () => {
  test("four connections that migrate an empty database at once all succeed, and each migration is applied once", async () => {
    const fresh = await createEmptyDatabase();
    const connections = Array.from({ length: 4 }, () => connectPg({ url: fresh.url as string, connections: 1 }));
    try {
      const done = await Promise.all(connections.map((database) => migrateSchema(database)));
      expect(done.filter((steps) => steps.length > 0)).toEqual([await schemaSteps()]);
      const { applied, pending } = await schemaStatus(fresh.database);
      expect(applied.map(({ version, name }) => ({ version, name }))).toEqual(await schemaSteps());
      expect(pending).toEqual([]);
      await assertIsolation(fresh.database);
    } finally {
      await Promise.all(connections.map((database) => database.close()));
      await fresh.drop();
    }
  });
});
