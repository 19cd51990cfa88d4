import { createCollection } from "@cairn/core/collection/create.ts";
import type { IndexSettings } from "@cairn/core/database/collection-settings.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { maintainIndexes } from "@cairn/core/maintenance/indexes.ts";
import { inspectCollection } from "@cairn/core/maintenance/inspect.ts";
import { query } from "@cairn/core/search/query.ts";
import type { SQL } from "drizzle-orm";
import { expect } from "vitest";
import type { DatabaseFixture } from "./fixture.ts";

export const THRESHOLD = 100;

/** Points on a spiral: each is its own nearest neighbor. */
const point = (n: number) => Float32Array.of(Math.cos(n), Math.sin(n), n / 500, 1);

export const documents = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => ({
    id: `d${from + index}`,
    content: `passage ${from + index}`,
    embedding: point(from + index),
  }));

/** Functions that fill, maintain and inspect collections of a tenant whose index threshold is `THRESHOLD`. */
export function maintainedCollectionsOf(testDatabase: DatabaseFixture, tenantId: string) {
  const add = (collection: string, from: number, to: number) =>
    ingest(testDatabase.services, tenantId, { collection, documents: documents(from, to) });
  const inspect = (name: string) => inspectCollection(testDatabase.database, tenantId, name);

  /** Of every seventh document, the ids that a search by their own vector does not find. */
  async function findMissed(name: string, from: number, to: number): Promise<readonly string[]> {
    const missed: string[] = [];
    for (let n = from; n < to; n += 7) {
      const nearest = { collection: name, embedding: point(n), topK: 1 };
      const [hit] = await query(testDatabase.services, tenantId, nearest);
      if (hit?.id !== `d${n}`) missed.push(`d${n}`);
    }
    return missed;
  }

  return {
    add,
    inspect,
    findMissed,
    async fill(name: string, rows: number, indexSettings: IndexSettings = {}): Promise<void> {
      await createCollection(testDatabase.database, tenantId, {
        name,
        embeddingModel: "offline/words",
        dimensions: 4,
        metric: "l2",
        indexSettings: { threshold: THRESHOLD, ...indexSettings },
      });
      await add(name, 0, rows);
    },
    /** Actions and rows of a maintenance run. */
    maintain: async (collection: string) =>
      (await maintainIndexes(testDatabase.database, { tenantId, collection }))?.done.map(({ action, rows }) => [
        action,
        rows,
      ]),
    async indexesOf(name: string) {
      const { indexes } = await inspect(name);
      return indexes
        .filter(({ kind }) => kind === "vector")
        .map(({ first, last, state, usable }) => ({ first, last, state, usable }));
    },
    async expectFindable(name: string, from: number, to: number): Promise<void> {
      expect(await findMissed(name, from, to)).toEqual([]);
    },
    asOwner: (statement: SQL) => testDatabase.database.transaction(({ orm }) => orm.execute(statement)),
  };
}
