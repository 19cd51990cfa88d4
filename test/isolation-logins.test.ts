import { randomUUID } from "node:crypto";
import type { Database } from "@cairn/core/database/database.ts";
import { connectPg } from "@cairn/core/database/pg.ts";
import { assertIsolation } from "@cairn/core/database/role-check.ts";
import { migrateSchema, rollbackSchema } from "@cairn/core/database/schema-migrations.ts";
import { asTenant } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createEmptyDatabase, createTestDatabase, onServer, serverUrl, type TestDatabase } from "./support/database.ts";
import { PROBES } from "./support/isolation/probes.ts";
import { seedTwoTenants } from "./support/isolation/seed.ts";
import { schemaSteps } from "./support/schema-steps.ts";

/** Migrates an empty database, and checks that the service works with its login. */
async function expectServiceWorks(database: Database): Promise<void> {
  expect(await migrateSchema(database)).toEqual(await schemaSteps());
  await assertIsolation(database);
  const tenants = await seedTwoTenants(database);
  for (const { claim, check } of PROBES)
    await check(database, tenants).catch((error) => expect.fail(`${claim}: ${error}`));
  // A rollback removes what a tenant has, although row-level security applies to the owner as well.
  const { tenantId, collectionId } = tenants.a;
  await asTenant(database, tenantId, ({ orm }) =>
    orm.execute(sql`INSERT INTO cairn.collection_indexes
        (tenant_id, collection_id, name, kind, first_segment, last_segment, settings, state, rows)
      SELECT ${tenantId}::uuid, ${collectionId}::uuid, 'made_with_' || setting, 'keyword', 0, 0, jsonb_build_object(setting, true), 'retired', 0
      FROM unnest(ARRAY['bigrams', 'numbers']) AS setting`),
  );
  await rollbackSchema(database, { steps: (await schemaSteps()).length - 5 });
  const names = await asTenant(database, tenantId, ({ orm }) =>
    orm.selectRows<{ name: string }>(sql`SELECT name FROM cairn.collection_indexes WHERE name LIKE 'made_with_%'`),
  );
  expect(names).toEqual([]);
}

describe.runIf(serverUrl())("logins of a server", () => {
  const server = serverUrl() as string;
  let testDatabase: TestDatabase;
  const logins: string[] = [];
  beforeAll(async () => {
    testDatabase = await createTestDatabase();
  });
  afterAll(async () => {
    await testDatabase?.drop();
    for (const login of logins) await onServer(server, `DROP ROLE ${login}`);
  });

  async function createLogin(rights = ""): Promise<string> {
    const login = `cairn_login_${randomUUID().slice(0, 8)}`;
    await onServer(server, `CREATE ROLE ${login} LOGIN PASSWORD 'test-password' ${rights}`);
    logins.push(login);
    return login;
  }

  function connectAs(login: string, url: string | undefined): Database {
    const changed = new URL(url as string);
    changed.username = login;
    changed.password = "test-password";
    return connectPg({ url: changed.href, connections: 2 });
  }

  test("a login that is not a member of cairn_app gets an error with the missing grant", async () => {
    const login = await createLogin();
    const database = connectAs(login, testDatabase.url);
    try {
      for (const attempt of [
        () => assertIsolation(database),
        () => asTenant(database, randomUUID(), ({ orm }) => orm.execute(sql`SELECT 1`)),
      ])
        await expect(attempt()).rejects.toMatchObject({
          code: "unsafe_role",
          message: expect.stringMatching(/may not act as cairn_app.*GRANT cairn_app, cairn_admin TO/s),
        });
    } finally {
      await database.close();
    }
  });

  test("a login that owns nothing and is a member of only the two roles can serve", async () => {
    const login = await createLogin("NOINHERIT");
    await onServer(server, `GRANT cairn_app, cairn_admin TO ${login}`);
    const database = connectAs(login, testDatabase.url);
    try {
      await assertIsolation(database);
      const tenants = await seedTwoTenants(database);
      for (const { claim, check } of PROBES.filter(({ claim }) => !claim.includes("every other table")))
        await check(database, tenants).catch((error) => expect.fail(`${claim}: ${error}`));
    } finally {
      await database.close();
    }
  });

  async function migrationErrorOf(login: string, prepare: (url: string) => Promise<void>): Promise<unknown> {
    const empty = await createEmptyDatabase();
    const url = empty.url as string;
    await onServer(server, `ALTER DATABASE ${new URL(url).pathname.slice(1)} OWNER TO ${login}`);
    await prepare(url);
    const database = connectAs(login, url);
    try {
      return await migrateSchema(database).then(
        () => "migrated",
        (error) => error,
      );
    } finally {
      await database.close();
      await empty.drop();
    }
  }

  test("a second login of a shared server gets an error with the roles to grant and who must grant them", async () => {
    const login = await createLogin("CREATEROLE");
    const prepare = (url: string) => onServer(url, "CREATE EXTENSION vector");
    expect(await migrationErrorOf(login, prepare)).toMatchObject({
      code: "unsafe_role",
      message: expect.stringMatching(
        new RegExp(`another login.*GRANT cairn_app, cairn_admin, cairn_keyword TO "${login}";`, "s"),
      ),
    });
  });

  test("an owner that may not install pgvector gets an error with the statement to run", async () => {
    const login = await createLogin("CREATEROLE");
    await onServer(server, `GRANT cairn_app, cairn_admin, cairn_keyword TO ${login}`);
    expect(await migrationErrorOf(login, async () => {})).toMatchObject({
      code: "database_error",
      message: expect.stringMatching(new RegExp(`login "${login}" may not install.*CREATE EXTENSION vector;`, "s")),
    });
  });

  test("a login that may not create a schema gets an error with the missing privilege", async () => {
    const login = await createLogin("CREATEROLE");
    await onServer(server, `GRANT cairn_app, cairn_admin, cairn_keyword TO ${login}`);
    const prepare = async (url: string) => {
      await onServer(url, "CREATE EXTENSION vector");
      await onServer(server, `ALTER DATABASE ${new URL(url).pathname.slice(1)} OWNER TO CURRENT_USER`);
    };
    expect(await migrationErrorOf(login, prepare)).toMatchObject({
      code: "database_error",
      message: expect.stringMatching(/may not change the schema cairn.*GRANT CREATE ON DATABASE/s),
    });
  });

  test("an owner that is not a superuser, as in the cloud, migrates and serves", async () => {
    const login = await createLogin("CREATEROLE");
    // What PostgreSQL 16 and newer grant the creator of a role. On this server the roles exist already.
    await onServer(
      server,
      `GRANT cairn_app, cairn_admin, cairn_keyword TO ${login} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE`,
    );
    const empty = await createEmptyDatabase();
    const name = new URL(empty.url as string).pathname.slice(1);
    // pgvector 0.8 is not a trusted extension: a superuser or the cloud's control plane creates it.
    await onServer(empty.url as string, "CREATE EXTENSION vector");
    await onServer(server, `ALTER DATABASE ${name} OWNER TO ${login}`);
    const database = connectAs(login, empty.url);
    try {
      await expectServiceWorks(database);
    } finally {
      await database.close();
      await empty.drop();
    }
  });
});

describe.runIf(!serverUrl())("an owner in its own cluster", () => {
  test("that is not a superuser creates the roles itself, migrates and serves", async () => {
    const { database, drop } = await createEmptyDatabase();
    try {
      await database.transaction(({ script }) =>
        script(`
          CREATE EXTENSION vector;
          CREATE ROLE neon_like LOGIN CREATEROLE NOSUPERUSER;
          GRANT CREATE ON DATABASE postgres TO neon_like;
          SET SESSION AUTHORIZATION neon_like`),
      );
      await expectServiceWorks(database);
    } finally {
      await drop();
    }
  });
});
