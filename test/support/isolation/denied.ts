import assert from "node:assert/strict";
import { selectRows } from "@cairn/core/database/rows.ts";
import { asAdmin, asTenant } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import {
  affected,
  app,
  assertRefused,
  count,
  forEachTable,
  owner,
  type Probe,
  readableTables,
  table,
  uuid,
} from "./probe.ts";

export const SELECTS: Probe = {
  claim: "a tenant sees only its own rows in every table, even without a predicate",
  check: (database, { a, b }) =>
    forEachTable(database, (name) =>
      asTenant(database, a.tenantId, async ({ orm }) => {
        const own = await count(orm, sql`SELECT 1 FROM ${table(name)} WHERE ${owner(name)} = ${uuid(a.tenantId)}`);
        assert.ok(
          own > 0,
          `A sees none of its own rows in ${name}. If the table is new, add rows in isolation/seed.ts.`,
        );
        assert.equal(
          await count(orm, sql`SELECT 1 FROM ${table(name)}`),
          own,
          `A sees other rows than its own in ${name}`,
        );
        const foreign = sql`SELECT 1 FROM ${table(name)} WHERE ${owner(name)} = ${uuid(b.tenantId)}`;
        assert.equal(await count(orm, foreign), 0, `A sees B's rows in ${name}`);
      }),
    ),
};

/** Tables of the control plane of which a tenant can read its own row. */
const READ_ONLY: ReadonlySet<string> = new Set(["tenants", "cutover_tenants", "usage_days"]);

export const CHANGES: Probe = {
  claim: "a tenant cannot update or delete another tenant's rows",
  check: (database, { a, b }) =>
    forEachTable(database, async (name) => {
      const where = sql`${owner(name)} = ${uuid(b.tenantId)}`;
      const change = name === "cutover_tenants" ? sql`phase = 'chroma'` : sql`created_at = now()`;
      const update = sql`UPDATE ${table(name)} SET ${change} WHERE ${where}`;
      const remove = sql`DELETE FROM ${table(name)} WHERE ${where}`;
      for (const statement of [update, remove]) {
        const attempt = asTenant(database, a.tenantId, ({ orm }) => affected(orm, statement));
        if (READ_ONLY.has(name)) await assertRefused(attempt, `a tenant must not write to cairn.${name}`);
        else assert.equal(await attempt, 0, `A changed B's rows in ${name}`);
      }
    }),
};

export const INSERTS: Probe = {
  claim: "a tenant can neither insert a row for another tenant nor move its own row to another tenant",
  check: (database, { a, b }) =>
    forEachTable(database, async (name) => {
      const asB = sql`jsonb_build_object(${sql.raw(name === "tenants" ? "'id'" : "'tenant_id'")}, ${b.tenantId}::text)`;
      const insert = sql`INSERT INTO ${table(name)} SELECT (jsonb_populate_record(x, ${asB})).* FROM ${table(name)} AS x LIMIT 1`;
      const move = sql`UPDATE ${table(name)} SET ${owner(name)} = ${uuid(b.tenantId)}`;
      for (const statement of [insert, move])
        await assertRefused(
          asTenant(database, a.tenantId, ({ orm }) => orm.execute(statement)),
          `A wrote a row for B into ${name}`,
        );
    }),
};

export const OTHER_TABLES: Probe = {
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
      "a partition is directly readable",
    );
    for (const { name } of closed.filter(({ name, leaf }) => !leaf || name.endsWith("0")))
      for (const statement of [sql`SELECT 1 FROM ${table(name)}`, sql`DELETE FROM ${table(name)}`])
        await assertRefused(
          asTenant(database, a.tenantId, ({ orm }) => orm.execute(statement)),
          `a tenant reached ${name}`,
        );
  },
};

export const NO_TENANT: Probe = {
  claim: "a tenant's transaction leaves no settings on the connection, and a transaction without a tenant sees no rows",
  check: async (database, { a }) => {
    await asTenant(database, a.tenantId, ({ orm }) => count(orm, sql`SELECT 1 FROM cairn.documents`));
    const [remaining] = await database.transaction(({ orm }) =>
      selectRows(
        orm,
        sql`SELECT coalesce(current_setting('cairn.tenant_id', true), '') AS tenant,
                   current_user = session_user AS login`,
      ),
    );
    assert.deepEqual(remaining, { tenant: "", login: true });
    await forEachTable(database, (name) =>
      database.transaction(async ({ orm }) => {
        await orm.execute(sql`SELECT set_config('role', 'cairn_app', true)`);
        assert.equal(
          await count(orm, sql`SELECT 1 FROM ${table(name)}`),
          0,
          `a transaction without a tenant sees rows in ${name}`,
        );
      }),
    );
  },
};

export const ADMIN_READS: Probe = {
  claim: "the administrator cannot read collections, documents or cached embeddings",
  check: async (database) => {
    for (const name of await readableTables(database, app)) {
      if (READ_ONLY.has(name) || name === "api_keys" || name === "jobs") continue;
      await assertRefused(
        asAdmin(database, ({ orm }) => orm.execute(sql`SELECT 1 FROM ${table(name)}`)),
        `the administrator read ${name}`,
      );
    }
  },
};

export const KEYWORD_INDEX: Probe = {
  claim: "the keyword and metadata index functions return a tenant's own rows, and refuse everybody else",
  check: async (database, { a, b }) => {
    // A query for two frequent words also searches for rows that contain both.
    const byWords = (collectionId: string) => sql`
      SELECT id FROM cairn.keyword_postings(${uuid(collectionId)}, 'english', '{first}', '{0}', '{0}', 10)
      UNION
      SELECT id FROM cairn.keyword_rows(${uuid(collectionId)}, 'english', '{first,first}', '{0}', '{0}', 1, 1)
      UNION
      SELECT id FROM cairn.keyword_rows(${uuid(collectionId)}, 'english', '{first}', '{0}', '{0}', 1, 1, true)`;
    const byMetadata = [
      (collectionId: string) => sql`SELECT id FROM cairn.metadata_rows(${uuid(collectionId)}, '[]', 0, 0, 1)`,
      (collectionId: string) => sql`SELECT unnest(cairn.filtered_rows(${uuid(collectionId)}, '[]', 0, 0, 1))`,
    ];
    await asTenant(database, a.tenantId, async ({ orm }) => {
      assert.equal(await count(orm, byWords(a.collectionId)), 1, "A does not find its own rows by word");
      assert.equal(await count(orm, byWords(b.collectionId)), 0, "A finds B's rows by word");
      for (const rowsOf of byMetadata) {
        assert.equal(await count(orm, rowsOf(a.collectionId)), 1, "A does not find its own rows by metadata");
        assert.equal(await count(orm, rowsOf(b.collectionId)), 0, "A finds B's rows by metadata");
      }
    });
    await database.transaction(async ({ orm }) => {
      await orm.execute(sql`SELECT set_config('role', 'cairn_app', true)`);
      assert.equal(
        await count(orm, byWords(a.collectionId)),
        0,
        "a transaction without a tenant finds A's rows by word",
      );
      for (const rowsOf of byMetadata)
        assert.equal(
          await count(orm, rowsOf(a.collectionId)),
          0,
          "a transaction without a tenant finds A's rows by metadata",
        );
    });
    await assertRefused(
      asAdmin(database, ({ orm }) => orm.execute(byWords(a.collectionId))),
      "the administrator searched a tenant's words",
    );
    for (const rowsOf of byMetadata)
      await assertRefused(
        asAdmin(database, ({ orm }) => orm.execute(rowsOf(a.collectionId))),
        "the administrator searched a tenant's metadata",
      );
  },
};
