import assert from "node:assert/strict";
import { selectRows } from "@cairn/core/database/rows.ts";
import { asAdmin, asTenant } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import {
  affected,
  app,
  count,
  everyTable,
  owner,
  type Probe,
  readableTables,
  refused,
  table,
  uuid,
} from "./ask.ts";

export const SELECTS: Probe = {
  claim: "a tenant sees its own rows and no other's, in every table, without any predicate",
  check: (database, { a, b }) =>
    everyTable(database, (name) =>
      asTenant(database, a.tenantId, async ({ orm }) => {
        const own = await count(
          orm,
          sql`SELECT 1 FROM ${table(name)} WHERE ${owner(name)} = ${uuid(a.tenantId)}`,
        );
        assert.ok(own > 0, `A sees nothing of its own in ${name}; seed it in isolation/seed.ts if it is new`);
        assert.equal(
          await count(orm, sql`SELECT 1 FROM ${table(name)}`),
          own,
          `A sees more than its own in ${name}`,
        );
        const foreign = sql`SELECT 1 FROM ${table(name)} WHERE ${owner(name)} = ${uuid(b.tenantId)}`;
        assert.equal(await count(orm, foreign), 0, `A sees B's rows in ${name}`);
      }),
    ),
};

export const CHANGES: Probe = {
  claim: "a tenant cannot change or delete another's rows by their keys",
  check: (database, { a, b }) =>
    everyTable(database, async (name) => {
      const where = sql`${owner(name)} = ${uuid(b.tenantId)}`;
      const update = sql`UPDATE ${table(name)} SET created_at = now() WHERE ${where}`;
      const remove = sql`DELETE FROM ${table(name)} WHERE ${where}`;
      for (const statement of [update, remove]) {
        const attempt = asTenant(database, a.tenantId, ({ orm }) => affected(orm, statement));
        if (name === "tenants") await refused(attempt, "a tenant may not write to tenants at all");
        else assert.equal(await attempt, 0, `A touched B's rows in ${name}`);
      }
    }),
};

export const INSERTS: Probe = {
  claim: "a tenant can neither insert a row under another's name nor hand one over",
  check: (database, { a, b }) =>
    everyTable(database, async (name) => {
      const asB = sql`jsonb_build_object(${sql.raw(name === "tenants" ? "'id'" : "'tenant_id'")}, ${b.tenantId}::text)`;
      const insert = sql`INSERT INTO ${table(name)} SELECT (jsonb_populate_record(x, ${asB})).* FROM ${table(name)} AS x LIMIT 1`;
      const handOver = sql`UPDATE ${table(name)} SET ${owner(name)} = ${uuid(b.tenantId)}`;
      for (const statement of [insert, handOver])
        await refused(
          asTenant(database, a.tenantId, ({ orm }) => orm.execute(statement)),
          `A wrote a row of B's into ${name}`,
        );
    }),
};

export const REST: Probe = {
  claim: "a tenant is refused every other table of the schema: partitions, ledger, history",
  check: async (database, { a }) => {
    const readable = new Set(await readableTables(database, app));
    const all = await database.transaction(({ orm }) =>
      selectRows<{ name: string; leaf: boolean }>(
        orm,
        sql`SELECT relname AS name, relispartition AS leaf FROM pg_class
            WHERE relnamespace = 'cairn'::regnamespace AND relkind IN ('r', 'p')`,
      ),
    );
    const closed = all.filter(({ name }) => !readable.has(name));
    assert.equal(all.filter(({ leaf }) => leaf).length, 32);
    assert.ok(
      all.every(({ name, leaf }) => !leaf || !readable.has(name)),
      "a partition is readable by itself",
    );
    for (const { name } of closed.filter(({ name, leaf }) => !leaf || name.endsWith("0")))
      for (const statement of [sql`SELECT 1 FROM ${table(name)}`, sql`DELETE FROM ${table(name)}`])
        await refused(
          asTenant(database, a.tenantId, ({ orm }) => orm.execute(statement)),
          `a tenant reached ${name}`,
        );
  },
};

export const NOBODY: Probe = {
  claim:
    "after a tenant's transaction nothing of it is left, and a transaction without a tenant sees nothing",
  check: async (database, { a }) => {
    await asTenant(database, a.tenantId, ({ orm }) => count(orm, sql`SELECT 1 FROM cairn.documents`));
    const [left] = await database.transaction(({ orm }) =>
      selectRows(
        orm,
        sql`SELECT coalesce(current_setting('cairn.tenant_id', true), '') AS tenant,
                   current_user = session_user AS login`,
      ),
    );
    assert.deepEqual(left, { tenant: "", login: true });
    await everyTable(database, (name) =>
      database.transaction(async ({ orm }) => {
        await orm.execute(sql`SELECT set_config('role', 'cairn_app', true)`);
        assert.equal(await count(orm, sql`SELECT 1 FROM ${table(name)}`), 0, `nobody sees rows in ${name}`);
      }),
    );
  },
};

export const ADMIN_READS: Probe = {
  claim: "the administrator cannot read a collection, a document or a cached embedding",
  check: async (database) => {
    for (const name of await readableTables(database, app)) {
      if (name === "tenants" || name === "api_keys" || name === "jobs") continue;
      await refused(
        asAdmin(database, ({ orm }) => orm.execute(sql`SELECT 1 FROM ${table(name)}`)),
        `the administrator read ${name}`,
      );
    }
  },
};

export const POSTINGS: Probe = {
  claim: "the index of words and metadata answers a tenant about its own rows, and nobody else at all",
  check: async (database, { a, b }) => {
    // Two words that more rows have than are looked at ask for rows that have both, too.
    const found = (collectionId: string) => sql`
      SELECT id FROM cairn.keyword_postings(${uuid(collectionId)}, 'english', '{first}', '{0}', '{0}', 10)
      UNION
      SELECT id FROM cairn.keyword_rows(${uuid(collectionId)}, 'english', '{first,first}', '{0}', '{0}', 1, 1)
      UNION
      SELECT id FROM cairn.keyword_rows(${uuid(collectionId)}, 'english', '{first}', '{0}', '{0}', 1, 1, true)`;
    const byMetadata = (collectionId: string) =>
      sql`SELECT id FROM cairn.metadata_rows(${uuid(collectionId)}, '[]', 0, 0, 1)`;
    await asTenant(database, a.tenantId, async ({ orm }) => {
      assert.equal(await count(orm, found(a.collectionId)), 1, "A does not find its own word");
      assert.equal(await count(orm, found(b.collectionId)), 0, "A finds B's word");
      assert.equal(await count(orm, byMetadata(a.collectionId)), 1, "A does not find its own metadata");
      assert.equal(await count(orm, byMetadata(b.collectionId)), 0, "A finds B's metadata");
    });
    await database.transaction(async ({ orm }) => {
      await orm.execute(sql`SELECT set_config('role', 'cairn_app', true)`);
      assert.equal(await count(orm, found(a.collectionId)), 0, "nobody finds A's word");
      assert.equal(await count(orm, byMetadata(a.collectionId)), 0, "nobody finds A's metadata");
    });
    await refused(
      asAdmin(database, ({ orm }) => orm.execute(found(a.collectionId))),
      "the administrator searched a tenant's words",
    );
    await refused(
      asAdmin(database, ({ orm }) => orm.execute(byMetadata(a.collectionId))),
      "the administrator searched a tenant's metadata",
    );
  },
};
