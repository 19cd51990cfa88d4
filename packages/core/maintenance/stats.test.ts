import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { serverUrl } from "../../../test/support/database.ts";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { createCollection } from "../collection/create.ts";
import { deleteDocuments } from "../document/delete.ts";
import { ingest } from "../document/ingest.ts";
import { query } from "../search/query.ts";
import { maintainIndexes } from "./indexes.ts";
import { collectionStats } from "./stats.ts";

const own = useTestDatabase();
const tenantId = useTenant(own);

test("collectionStats() returns rows, bytes, indexes and their use, dead rows, pending work with its reason, and search latency", async () => {
  const services = own.services;
  await createCollection(own.database, tenantId, {
    embeddingModel: null,
    dimensions: 8,
    indexSettings: { threshold: 100, type: "hnsw", precision: "vector" },
  });
  const documents = (count: number, prefix: string) =>
    Array.from({ length: count }, (_, n) => ({
      id: `${prefix}${n}`,
      content: "x".repeat(100),
      metadata: { prefix },
      embedding: Float32Array.from({ length: 8 }, (_, at) => Math.sin(n * 8 + at)),
    }));
  await ingest(services, tenantId, { documents: documents(200, "a") });
  const only = async () => {
    const [stats, ...others] = await collectionStats(own.database, tenantId);
    expect(others).toEqual([]);
    return stats;
  };
  expect(await only()).toMatchObject({
    collection: "knowledge",
    documents: 200,
    passages: 200,
    vectors: 200,
    indexes: [],
    tail: 200,
    due: { action: "build", reason: expect.stringMatching(/200 rows.*100/) },
    latency: null,
  });
  await maintainIndexes(own.database, { tenantId });
  await ingest(services, tenantId, { documents: documents(30, "b") });
  for (let n = 0; n < 5; n++)
    await query(services, tenantId, { embedding: documents(1, "q")[0]?.embedding as Float32Array });
  expect(await deleteDocuments(own.database, tenantId, { filter: { prefix: "b" } })).toBe(30);
  await own.database.transaction(({ script }) => script("ANALYZE cairn.documents; SELECT pg_stat_force_next_flush()"));
  const stats = await only();
  expect(stats).toMatchObject({
    documents: 200,
    tail: 0,
    due: { action: "none" },
    latency: { searches: 5, p50: expect.any(Number), p95: expect.any(Number) },
  });
  expect(stats?.size).toBeGreaterThan(200 * 130);
  expect(stats?.latency?.p50).toBeGreaterThan(0);
  expect(stats?.latency?.p95).toBeGreaterThanOrEqual(stats?.latency?.p50 as number);
  expect(stats?.indexes.find(({ kind }) => kind === "vector")).toMatchObject({
    state: "valid",
    rows: 200,
    settings: { type: "hnsw", precision: "vector" },
    size: expect.toSatisfy((bytes: number) => bytes >= 16_384),
    scans: expect.toSatisfy((scans: number) => scans >= 5),
  });
  expect(stats?.deadRows).toBeGreaterThanOrEqual(serverUrl() ? 30 : 0);
  const [counted] = await own.database.read([sql`SELECT count(*)::int AS rows FROM cairn.documents`]);
  expect(counted).toEqual([{ rows: 200 }]);
});
