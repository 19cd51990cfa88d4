import { verify } from "@cairn/chroma/verify/verify.ts";
import { deleteDocuments } from "@cairn/core/document/delete.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { sql } from "drizzle-orm";
import { beforeEach, expect, inject } from "vitest";
import { plainRecords, putRecords } from "./fill-chroma.ts";
import type { DatabaseFixture } from "./fixture.ts";
import {
  createChromaDatabase,
  createTenantCollection,
  migrateDatabase,
  openTestSource,
  ownerRows,
  readCairn,
} from "./migration.ts";

/** A migrated collection of twelve records for each test, with functions that change it in Cairn and migrate it again. */
export function useCutover(testDb: DatabaseFixture) {
  const chroma = inject("chromaUrl");
  let scope: string;
  let collection: Awaited<ReturnType<typeof createTenantCollection>>;
  const migrateAgain = (options: Parameters<typeof migrateDatabase>[3] = {}) =>
    migrateDatabase(testDb.database, chroma, scope, { sourceModel: "offline/words", ...options });
  const runVerify = async () =>
    verify(testDb.services, await openTestSource(chroma), {
      databaseName: "test",
      cairnVersion: "0",
      queries: 0,
      scope: { databases: [scope] },
    });
  beforeEach(async () => {
    scope = await createChromaDatabase(chroma);
    collection = await createTenantCollection(chroma, scope);
    await putRecords(collection, plainRecords(12, 4));
    expect(await migrateAgain()).toMatchObject({ verdict: "identical", totals: { written: 12 } });
  });
  return {
    get scope() {
      return scope;
    },
    get collection() {
      return collection;
    },
    migrateAgain,
    runVerify,
    put: (id: string, content: string) =>
      ingest(testDb.services, collection.tenant, {
        documents: [{ id, content, embedding: Float32Array.of(1, 0, 0, 0) }],
      }),
    remove: (...ids: string[]) => deleteDocuments(testDb.database, collection.tenant, { ids }),
    listDifferences: async () =>
      (await runVerify()).differences.map(({ id, kind, madeInCairn }) => `${kind} ${id}${madeInCairn ? "" : " ?"}`),
    storedIds: async () => Object.keys(await readCairn(testDb.database, collection.tenant)),
    tombstones: () =>
      ownerRows<{ lineage: string }>(
        testDb.database,
        sql`SELECT lineage::text FROM cairn.tombstones WHERE tenant_id = ${collection.tenant}::uuid`,
      ),
  };
}
