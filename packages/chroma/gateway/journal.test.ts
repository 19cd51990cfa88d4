import { randomUUID } from "node:crypto";
import type { Database } from "@cairn/core/database/database.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { useTestDatabase } from "../../../test/support/fixture.ts";
import { addNamespace } from "../namespace/manage.ts";
import { ensureCutoverTenant } from "./cutover/enrolled.ts";
import { beginWrite, databaseOf, subjectOf } from "./journal.ts";

const testDatabase = useTestDatabase();
const ids = Array.from({ length: 45_000 }, (_, at) => `record ${at}`);

/** A tenant in the phase mirror, and a database that calls `afterRead` with the number of statements of each transaction. */
async function mirrored(afterRead: (statements: number, tenantId: string) => Promise<void> | void) {
  const { database } = testDatabase;
  const namespace = `shop ${randomUUID()}`;
  await addNamespace(database, { name: namespace, settings: {} });
  const { tenantId } = await ensureCutoverTenant(database, `acme-${randomUUID().slice(0, 8)}`, namespace);
  await setPhase(tenantId, "mirror");
  const observed: Database = {
    ...database,
    async read(statements, options) {
      const rows = await database.read(statements, options);
      await afterRead(statements.length, tenantId);
      return rows;
    },
  };
  const change = { collectionId: randomUUID(), subject: "faq", ids };
  return { tenantId, begin: () => beginWrite(observed, tenantId, { change, timeoutMs: 60_000 }) };
}

const setPhase = (tenantId: string, phase: string) =>
  asAdmin(testDatabase.database, ({ orm }) =>
    orm.execute(sql`UPDATE cairn.cutover_tenants SET phase = ${phase} WHERE tenant_id = ${tenantId}::uuid`),
  );

async function countRecorded(tenantId: string): Promise<number> {
  const [row] = await asAdmin(testDatabase.database, ({ orm }) =>
    orm.selectRows<{ ids: number }>(sql`
      SELECT coalesce(sum(cardinality(ids)), 0)::int AS ids FROM cairn.changes WHERE tenant_id = ${tenantId}::uuid`),
  );
  return row?.ids ?? 0;
}

test("a write of many ids is recorded completely, in transactions of at most 20,000 ids", async () => {
  const sizes: number[] = [];
  const { tenantId, begin } = await mirrored((statements) => void sizes.push(statements));
  expect((await begin()).sequences).toHaveLength(45);
  expect(sizes).toEqual([20, 20, 5]);
  expect(await countRecorded(tenantId)).toBe(45_000);
});

test("nothing of a write stays recorded if the phase changes between its transactions", async () => {
  let transactions = 0;
  const { tenantId, begin } = await mirrored(async (_, tenant) => {
    if (++transactions === 1) await setPhase(tenant, "chroma");
  });
  expect(await begin()).toMatchObject({ phase: "chroma", sequences: [] });
  expect(await countRecorded(tenantId)).toBe(0);
});

test("the subject of a change keeps the database, whatever characters its names have", () => {
  const database = { tenant: "eu/west %2F", database: "a/b/c" };
  expect(databaseOf(subjectOf({ ...database, name: "x/y" }))).toEqual(database);
});
