import { asTenant } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import { beforeAll, expect, test } from "vitest";
import { useTestDatabase } from "./support/fixture.ts";
import { readableTables } from "./support/isolation/probe.ts";
import { PROBES, START_UP_PROBE } from "./support/isolation/probes.ts";
import { seedTwoTenants, type TwoTenants } from "./support/isolation/seed.ts";

const testDatabase = useTestDatabase();
let tenants: TwoTenants;
beforeAll(async () => {
  tenants = await seedTwoTenants(testDatabase.database);
});

test("a tenant can read only these tables", async () => {
  expect(await readableTables(testDatabase.database, "cairn_app")).toEqual([
    "api_keys",
    "collection_indexes",
    "collections",
    "cutover_tenants",
    "documents",
    "embedding_cache",
    "embedding_usage",
    "evaluation_runs",
    "evaluation_sets",
    "idempotency_keys",
    "jobs",
    "stored_totals",
    "tenants",
    "tombstones",
    "usage_days",
  ]);
});

for (const { claim, check } of [...PROBES, START_UP_PROBE]) test(claim, () => check(testDatabase.database, tenants));

test("a failed transaction of a tenant leaves no role or setting behind", async () => {
  const failed = asTenant(testDatabase.database, tenants.a.tenantId, ({ orm }) => orm.execute(sql`SELECT 1/0`));
  await expect(failed).rejects.toMatchObject({ code: "database_error" });
  const left = await testDatabase.database.transaction(({ orm }) =>
    orm.execute(
      sql`SELECT coalesce(current_setting('cairn.tenant_id', true), '') AS tenant, current_user = session_user AS login`,
    ),
  );
  expect((left as unknown as { rows: unknown[] }).rows).toEqual([{ tenant: "", login: true }]);
});

test.each(["", "x", "00000000-0000-0000-0000-00000000000g", "'; RESET ROLE; --"])(
  "a tenant id that is not a UUID (%j) never reaches the database",
  async (id) => {
    let ran = false;
    const attempt = asTenant(testDatabase.database, id, async () => {
      ran = true;
    });
    await expect(attempt).rejects.toMatchObject({ code: "not_found" });
    expect(ran).toBe(false);
  },
);
