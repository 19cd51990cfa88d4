import type { PlanOptions } from "@cairn/chroma/plan/options.ts";
import { verify } from "@cairn/chroma/verify/verify.ts";
import { getCollection, listCollections } from "@cairn/core/collection/get.ts";
import { changeTenant, createTenant, ensureTenant, listTenants } from "@cairn/core/tenant/tenant.ts";
import { sql } from "drizzle-orm";
import { beforeEach, expect, inject, test } from "vitest";
import { createChromaCollection, plainRecords, putRecords, tenantName } from "./support/fill-chroma.ts";
import { useTestDatabase } from "./support/fixture.ts";
import {
  createChromaDatabase,
  createChromaTenant,
  migrateDatabase,
  openTestSource,
  ownerRows,
  readCairn,
} from "./support/migration.ts";

const chroma = inject("chromaUrl");
const testDb = useTestDatabase();
let scope: string;
beforeEach(async () => {
  scope = await createChromaDatabase(chroma);
});

const fill = async (name: string, database = scope, prefix = "doc-") => {
  const collection = await createChromaCollection(chroma, name, { database, space: "l2" });
  await putRecords(collection, plainRecords(3, 4, prefix));
};
const counts = async () => {
  const [row] = await ownerRows<{ all: string }>(
    testDb.database,
    sql`SELECT concat_ws(' ', (SELECT count(*) FROM cairn.tenants), (SELECT count(*) FROM cairn.collections),
                         (SELECT count(*) FROM cairn.documents), (SELECT count(*) FROM cairn.migration_runs)) AS all`,
  );
  return row?.all;
};
const expectRefused = async (options: object, message: RegExp) => {
  const before = await counts();
  await expect(migrateDatabase(testDb.database, chroma, scope, options)).rejects.toMatchObject({
    code: "invalid_input",
    message: expect.stringMatching(message),
  });
  expect(await counts()).toBe(before);
};

test("a name that splits in two ways is refused with both splits, and a mapping resolves it", async () => {
  await fill("tenant_acme_corp_docs");
  await expectRefused({}, /"acme" with collection "corp_docs", or tenant "acme_corp" with collection "docs".*--map/);
  const mapping = { tenant_acme_corp_docs: { tenant: "acme_corp", collection: "docs" } };
  expect(await migrateDatabase(testDb.database, chroma, scope, { mapping })).toMatchObject({
    collections: [{ target: { tenantName: "acme_corp", collection: "docs" } }],
  });
  expect((await listTenants(testDb.database)).map(({ name }) => name)).not.toContain("acme");
});

test("a UUID with underscores is the same tenant as with hyphens", async () => {
  const { tenant } = tenantName();
  await fill(`tenant_${tenant.replaceAll("-", "_")}_docs`);
  const report = await migrateDatabase(testDb.database, chroma, scope);
  expect(report.collections.map(({ target }) => target)).toMatchObject([{ tenantId: tenant, collection: "docs" }]);
});

test("two collections whose names contain one UUID in two notations are refused, not merged", async () => {
  const { name, tenant } = tenantName("docs");
  for (const written of [name, `tenant_${tenant.replaceAll("-", "_").toUpperCase()}_docs`]) await fill(written);
  await expectRefused({}, /also the target of default_tenant\/test_\w+\/tenant_\w+_docs/);
});

test("Chroma's default tenant never becomes a tenant in Cairn", async () => {
  await fill("faq");
  await expectRefused({ patterns: ["{tenant}/*/{collection}"] }, /Chroma's own default_tenant/);
});

test("collections of a tenant that is named by its id and by its name are not merged", async () => {
  const { name, tenant } = tenantName("faq");
  await ensureTenant(testDb.database, tenant);
  await changeTenant(testDb.database, tenant, { name: "renamed" });
  for (const source of [name, "tenant_renamed_faq"]) await fill(source);
  await expectRefused({}, /Its target would be collection faq of tenant .*, which is also the target of /);
});

test("a target of another Chroma database is not overwritten", async () => {
  const west = await createChromaDatabase(chroma);
  await fill("tenant_shared_faq", scope, "east-");
  await fill("tenant_shared_faq", west, "west-");
  const report = await migrateDatabase(testDb.database, chroma, scope);
  const { id } = (await listTenants(testDb.database)).find(({ name }) => name === "shared") ?? { id: "" };
  const before = await readCairn(testDb.database, id, "faq");
  await expect(migrateDatabase(testDb.database, chroma, west)).rejects.toMatchObject({
    message: expect.stringContaining(`migrated from default_tenant/${scope}/tenant_shared_faq`),
  });
  expect(await readCairn(testDb.database, id, "faq")).toEqual(before);
  expect(report.verdict).toBe("identical");
});

test("a target whose name is the id of another collection of the tenant is refused", async () => {
  const { name, tenant } = tenantName("faq");
  await fill(name);
  await migrateDatabase(testDb.database, chroma, scope);
  const { id } = await getCollection(testDb.database, tenant, "faq");
  await fill("other");
  const mapping = { other: { tenant, collection: id } };
  await expectRefused({ mapping }, /that is the id of the tenant's collection "faq"/);
  expect(await listCollections(testDb.database, tenant)).toHaveLength(1);
});

test("verify lists every unmapped collection", async () => {
  for (const name of ["tenant_acme_one_faq", "scratch", "notes"]) await fill(name);
  const source = await openTestSource(chroma);
  const facts = { databaseName: "test", cairnVersion: "0", queries: 0, scope: { databases: [scope] } };
  const error = await verify(testDb.services, source, facts).catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: "invalid_input", message: expect.stringContaining("3 collections") });
  for (const name of ["tenant_acme_one_faq", "scratch", "notes"])
    expect((error as Error).message).toContain(`- default_tenant/${scope}/${name}: `);
});

test("one mapping file works for runs of single databases, and a typo in it is refused", async () => {
  const other = await createChromaDatabase(chroma);
  const foreign = await createChromaTenant(chroma);
  await createChromaDatabase(chroma, { tenant: foreign, name: "main" });
  await createChromaCollection(chroma, "theirs", { tenant: foreign, database: "main" });
  const { tenant } = tenantName();
  await fill("mine");
  await fill("elsewhere", other);
  const mapping: PlanOptions["mapping"] = {
    mine: { tenant, collection: "mine" },
    elsewhere: { tenant, collection: "elsewhere" },
    [`default_tenant/${other}/elsewhere`]: { tenant, collection: "elsewhere" },
    [`${foreign}/main/theirs`]: null,
  };
  const report = await migrateDatabase(testDb.database, chroma, scope, { mapping });
  expect(report).toMatchObject({ verdict: "identical", totals: { collections: 1 } });
  for (const typo of ["elsewere", `default_tenant/${other}/mine`, "no_such_tenant/main/theirs"])
    await expectRefused({ mapping: { ...mapping, [typo]: null } }, new RegExp(`--map names "${typo}"`));
});

test("a tenant whose name is a UUID that is not its id receives the collections for that name", async () => {
  const { name, tenant } = tenantName("faq");
  const created = await createTenant(testDb.database, { name: tenant });
  await fill(name);
  await migrateDatabase(testDb.database, chroma, scope);
  expect(await getCollection(testDb.database, created.id, "faq")).toMatchObject({ metric: "l2" });
});
