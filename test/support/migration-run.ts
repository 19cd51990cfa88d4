import { sql } from "drizzle-orm";
import { beforeEach, expect, inject } from "vitest";
import { openHookedSource } from "./changing-source.ts";
import { plainRecords, putRecords } from "./fill-chroma.ts";
import type { DatabaseFixture } from "./fixture.ts";
import { createChromaDatabase, createTenantCollection, migrateDatabase, ownerRows } from "./migration.ts";
import { startHttpProxy } from "./proxy.ts";

/** A collection of 120 records for each test. Each test has its own source address and therefore its own run. */
export function useMigrationRun(testDb: DatabaseFixture) {
  const chroma = inject("chromaUrl");
  let scope: string;
  let url: string;
  let collection: Awaited<ReturnType<typeof createTenantCollection>>;
  beforeEach(async () => {
    const proxy = await startHttpProxy(chroma);
    url = proxy.url;
    scope = await createChromaDatabase(chroma);
    collection = await createTenantCollection(chroma, scope);
    await putRecords(collection, plainRecords(120, 4));
    return () => proxy.stop();
  });

  async function openRun() {
    const [run] = await ownerRows<{ id: string; fence: string; status: string }>(
      testDb.database,
      sql`SELECT id, fence::text, status FROM cairn.migration_runs WHERE source = ${url} AND finished_at IS NULL`,
    );
    if (!run) throw new Error("There is no open run.");
    return run;
  }

  return {
    get url() {
      return url;
    },
    get scope() {
      return scope;
    },
    get collection() {
      return collection;
    },
    openRun,
    sourceWithHook: (before: (fetches: number) => unknown) => openHookedSource(url, before),
    /** Stops a migration after some pages, and returns the run's id. */
    async interruptRun(fetches = 3): Promise<string> {
      const stopping = await openHookedSource(url, (count) => {
        if (count > fetches) throw new Error("killed");
      });
      await expect(migrateDatabase(testDb.database, stopping, scope, { concurrency: 1 })).rejects.toThrow("killed");
      return (await openRun()).id;
    },
    /** Gives the lease of the open run to another process. */
    leaseTo: (owner: object, seconds: number) =>
      ownerRows(
        testDb.database,
        sql`UPDATE cairn.migration_runs SET status = 'running', holder = ${JSON.stringify({ command: "cairn migrate", since: "2026-01-01T00:00:00Z", ...owner })},
            lease_until = now() + make_interval(secs => ${seconds}::int) WHERE source = ${url} AND finished_at IS NULL`,
      ),
  };
}
