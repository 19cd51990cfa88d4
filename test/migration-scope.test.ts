import { sql } from "drizzle-orm";
import { expect, inject, test } from "vitest";
import { createChromaCollection, putRecords } from "./support/fill-chroma.ts";
import { useTestDatabase } from "./support/fixture.ts";
import { createChromaDatabase, createChromaTenant, migrateDatabase, ownerRows } from "./support/migration.ts";

/** Collections of one database: one more than a page of the listing. */
const COLLECTIONS = 101;
const chroma = inject("chromaUrl");

const testDb = useTestDatabase();

/** Creates a database with empty collections and one collection of one record, whose text names its location. */
async function fill(tenant: string, database: string, empty: readonly string[] = []): Promise<void> {
  await createChromaDatabase(chroma, { tenant, name: database });
  const create = (name: string) => createChromaCollection(chroma, name, { tenant, database, space: "l2" });
  const collection = await create("faq");
  await putRecords(collection, [{ id: "a", embedding: [1, 2], document: `${tenant} in the ${database}` }]);
  await Promise.all(empty.map(create));
}

test("one run migrates every collection of two tenants with two databases each, more than one page of the listing", async () => {
  const acme = await createChromaTenant(chroma);
  const globex = await createChromaTenant(chroma);
  const manuals = Array.from({ length: COLLECTIONS - 1 }, (_, index) => `manual-${index}`);
  await Promise.all([fill(acme, "east"), fill(acme, "west"), fill(globex, "east"), fill(globex, "west", manuals)]);
  const tenants = [acme, globex];
  const western = tenants.map((tenant) => [`${tenant}/west/faq`, { tenant, collection: "western-faq" }]);
  const report = await migrateDatabase(testDb.database, chroma, "", {
    scope: { tenants },
    patterns: ["{tenant}/*/{collection}"],
    mapping: Object.fromEntries(western),
  });
  expect(report).toMatchObject({
    verdict: "identical",
    totals: { tenants: 2, collections: COLLECTIONS + 3, sourceRecords: 4, targetRecords: 4 },
  });
  const rows = await ownerRows<{ place: string; content: string | null }>(
    testDb.database,
    sql`SELECT t.name || '/' || c.name AS place, d.content
        FROM cairn.collections AS c
        JOIN cairn.tenants AS t ON t.id = c.tenant_id
        LEFT JOIN cairn.documents AS d ON d.tenant_id = c.tenant_id AND d.collection_id = c.id`,
  );
  expect(Object.fromEntries(rows.map(({ place, content }) => [place, content]))).toEqual({
    [`${acme}/faq`]: `${acme} in the east`,
    [`${acme}/western-faq`]: `${acme} in the west`,
    [`${globex}/faq`]: `${globex} in the east`,
    [`${globex}/western-faq`]: `${globex} in the west`,
    ...Object.fromEntries(manuals.map((name) => [`${globex}/${name}`, null])),
  });
});
