import { sql } from "drizzle-orm";
import { beforeAll, beforeEach, inject } from "vitest";
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
import { type HttpProxy, startHttpProxy } from "./proxy.ts";

export const RECORDS = 200;

/**
 * A collection behind a proxy that injects faults. Each test starts with an empty database and its own source address, and
 * therefore its own run.
 */
export function useFaultySource(testDb: DatabaseFixture) {
  const chroma = inject("chromaUrl");
  let proxy: HttpProxy;
  let scope: string;
  let collection: Awaited<ReturnType<typeof createTenantCollection>>;
  beforeAll(async () => {
    scope = await createChromaDatabase(chroma);
    collection = await createTenantCollection(chroma, scope);
    await putRecords(collection, plainRecords(RECORDS, 4));
  });
  beforeEach(async () => {
    await ownerRows(testDb.database, sql`DELETE FROM cairn.tenants`);
    proxy = await startHttpProxy(chroma);
    return () => proxy.stop();
  });
  return {
    get proxy() {
      return proxy;
    },
    get collection() {
      return collection;
    },
    migrateNow: async (timeout?: number) =>
      migrateDatabase(testDb.database, await openTestSource(proxy.url, { timeout }), scope),
    storedIds: async () => Object.keys(await readCairn(testDb.database, collection.tenant)),
  };
}
