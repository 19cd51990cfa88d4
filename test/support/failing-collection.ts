import { verify } from "@cairn/chroma/verify/verify.ts";
import { sql } from "drizzle-orm";
import { beforeEach, inject } from "vitest";
import { plainRecords, putRecords } from "./fill-chroma.ts";
import type { DatabaseFixture } from "./fixture.ts";
import {
  createChromaDatabase,
  createTenantCollection,
  expectSame,
  migrateDatabase,
  openTestSource,
  ownerRows,
} from "./migration.ts";
import { always, type Fault, type HttpProxy, type Rule, startHttpProxy } from "./proxy.ts";

export const RECORDS = 120;

type CreatedCollection = Awaited<ReturnType<typeof createTenantCollection>>;

/** Three collections behind a proxy for each test, of which the first can be made to fail alone. */
export function useFailingCollection(testDb: DatabaseFixture) {
  const chroma = inject("chromaUrl");
  let proxy: HttpProxy;
  let scope: string;
  let failing: CreatedCollection;
  let others: readonly CreatedCollection[];
  beforeEach(async () => {
    await ownerRows(testDb.database, sql`DELETE FROM cairn.tenants`);
    proxy = await startHttpProxy(chroma);
    scope = await createChromaDatabase(chroma);
    const created = await Promise.all([1, 2, 3].map(() => createTenantCollection(chroma, scope)));
    for (const collection of created) await putRecords(collection, plainRecords(RECORDS, 4));
    [failing, ...others] = created as [CreatedCollection, ...CreatedCollection[]];
    return () => proxy.stop();
  });
  return {
    get proxy() {
      return proxy;
    },
    get scope() {
      return scope;
    },
    get failing() {
      return failing;
    },
    get others() {
      return others;
    },
    migrateNow: async (timeout?: number) =>
      migrateDatabase(testDb.database, await openTestSource(proxy.url, { timeout }), scope),
    verifyNow: async () =>
      verify(testDb.services, await openTestSource(proxy.url), {
        databaseName: "test",
        cairnVersion: "0",
        queries: 10,
        pageSize: 40,
        scope: { databases: [scope] },
      }),
    /** The fault for every matching request for the failing collection. */
    forFailing: (fault: Fault, matches = (_: Parameters<Rule>[0]) => true): Rule =>
      always(fault, (request) => request.path.includes(failing.id) && matches(request)),
    async ledger() {
      const [run] = await ownerRows<{ status: string; finished: boolean; failures: Record<string, object> }>(
        testDb.database,
        sql`SELECT status, finished_at IS NOT NULL AS finished, failures FROM cairn.migration_runs
            WHERE source = ${proxy.url} ORDER BY started_at DESC LIMIT 1`,
      );
      return run;
    },
    async expectOthersDone(): Promise<void> {
      for (const other of others) await expectSame(testDb.database, other);
    },
  };
}
