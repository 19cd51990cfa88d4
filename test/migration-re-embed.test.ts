import { migrate } from "@cairn/chroma/migrate.ts";
import { verify } from "@cairn/chroma/verify/verify.ts";
import { MAX_SLICE_BYTES } from "@cairn/core/document/byte-slices.ts";
import { getDocuments } from "@cairn/core/document/list.ts";
import type { Embedder } from "@cairn/core/embedding/embedder.ts";
import { query } from "@cairn/core/search/query.ts";
import { sql } from "drizzle-orm";
import { beforeEach, describe, expect, inject, onTestFinished, test } from "vitest";
import { plainRecords, putRecords, randomUnit } from "./support/fill-chroma.ts";
import { useTestDatabase } from "./support/fixture.ts";
import {
  createChromaDatabase,
  createTenantCollection,
  migrateDatabase,
  openTestSource,
  ownerRows,
  readCairn,
} from "./support/migration.ts";
import { always, isVectorFetchOf, startHttpProxy } from "./support/proxy.ts";

const chroma = inject("chromaUrl");
const testDb = useTestDatabase();
let scope: string;
beforeEach(async () => {
  scope = await createChromaDatabase(chroma);
});

describe("texts that are embedded again", () => {
  const long = Array.from({ length: 3_000 }, (_, index) => `sentence ${index} about returns.`).join(" ");
  const reEmbed = { reEmbed: "always", model: "offline/words" } as const;

  test("each text gets vectors of the new model, long texts get passages, and records without text are kept and listed", async () => {
    const { tenant, ...collection } = await createTenantCollection(chroma, scope);
    await putRecords(collection, plainRecords(60, 4));
    await putRecords(collection, [
      { id: "long", embedding: randomUnit(4), document: long, metadata: { pages: 9 } },
      { id: "null", embedding: randomUnit(4), metadata: { kept: true } },
      { id: "blank", embedding: randomUnit(4), document: "  \n" },
    ]);
    const report = await migrateDatabase(testDb.database, chroma, scope, reEmbed);
    expect(report).toMatchObject({
      verdict: "identical_with_exceptions",
      totals: { sourceRecords: 63, targetRecords: 63, written: 63, vectorsCompared: 0 },
    });
    expect(report.exceptions.map(({ id, reason }) => `${id} ${reason}`).sort()).toEqual([
      "blank no_text",
      "null no_text",
    ]);
    expect(report.collections).toMatchObject([
      {
        vectors: "embed",
        model: "offline/words",
        dimensions: 1536,
        why: expect.stringContaining("--re-embed always"),
      },
    ]);

    const [document] = await getDocuments(testDb.database, tenant, { ids: ["long"] });
    expect(document?.passages.length).toBeGreaterThan(2);
    expect(document).toMatchObject({ metadata: { pages: 9 } });
    expect(document?.passages.every(({ embedded }) => embedded)).toBe(true);
    const [kept] = await getDocuments(testDb.database, tenant, { ids: ["null"] });
    expect(kept).toMatchObject({ metadata: { kept: true }, passages: [{ content: null, embedded: false }] });
    const hits = await query(testDb.services, tenant, {
      text: "sentence 2999 about returns",
      topK: 1,
    });
    expect(hits).toMatchObject([{ id: "long" }]);

    const rows = () =>
      ownerRows(
        testDb.database,
        sql`SELECT id, chunk, xmin::text FROM cairn.documents WHERE tenant_id = ${tenant}::uuid ORDER BY id, chunk`,
      );
    const before = await rows();
    expect(await migrateDatabase(testDb.database, chroma, scope, reEmbed)).toMatchObject({
      verdict: "identical_with_exceptions",
      passes: 1,
      totals: { written: 0 },
    });
    expect(await migrateDatabase(testDb.database, chroma, scope)).toMatchObject({
      verdict: "identical_with_exceptions",
      totals: { written: 0 },
    });
    const facts = { databaseName: "test", cairnVersion: "0", queries: 5, scope: { databases: [scope] } };
    expect(await verify(testDb.services, await openTestSource(chroma), facts)).toMatchObject({
      verdict: "identical_with_exceptions",
      differences: [],
      search: null,
    });
    expect(await rows()).toEqual(before);
  });

  test("vectors that are not used are not requested from Chroma, and missing ones do not matter", async () => {
    const { tenant, ...collection } = await createTenantCollection(chroma, scope);
    await putRecords(collection, plainRecords(10, 4));
    const proxy = await startHttpProxy(chroma, {
      rules: [always({ kind: "answer", status: 500 }, isVectorFetchOf("doc-3"))],
    });
    onTestFinished(() => proxy.stop());
    expect(await migrateDatabase(testDb.database, proxy.url, scope, reEmbed)).toMatchObject({
      verdict: "identical",
      exceptions: [],
    });
    expect(proxy.seen.filter(({ body }) => body.includes('"embeddings"'))).toEqual([]);
    expect(Object.values(await readCairn(testDb.database, tenant)).every(({ vector }) => vector?.length === 1536)).toBe(
      true,
    );
  });

  test("only an edited text is embedded again", async () => {
    const { tenant, ...collection } = await createTenantCollection(chroma, scope);
    await putRecords(collection, plainRecords(10, 4));
    await migrateDatabase(testDb.database, chroma, scope, reEmbed);
    const before = await readCairn(testDb.database, tenant);
    await putRecords(
      collection,
      [{ id: "doc-2", embedding: randomUnit(4), document: "wholly different words" }],
      "upsert",
    );
    expect(await migrateDatabase(testDb.database, chroma, scope, reEmbed)).toMatchObject({
      verdict: "identical",
      totals: { written: 1 },
    });
    const after = await readCairn(testDb.database, tenant);
    expect(after["doc-2"]?.document).toBe("wholly different words");
    expect(after["doc-2"]?.vector).not.toEqual(before["doc-2"]?.vector);
    expect({ ...after, "doc-2": null }).toEqual({ ...before, "doc-2": null });
  });

  test("a page of long records is embedded and written in parts of limited size", async () => {
    const { tenant, ...collection } = await createTenantCollection(chroma, scope);
    // At 16,000 dimensions a slice has 120 passages. These records have 30 each, and one has more than 120.
    const text = (words: number) => Array.from({ length: words }, (_, n) => `word${n}`).join(" ");
    const records = Array.from({ length: 10 }, (_, n) => ({
      id: `r${n}`,
      embedding: randomUnit(4),
      document: text(n === 9 ? 20_000 : 4_000),
    }));
    await putRecords(collection, records);
    const services = testDb.services;
    const calls: number[] = [];
    const recording = (embedder: Embedder): Embedder => ({
      ...embedder,
      embed(texts, options) {
        calls.push(texts.length * options.dimensions * 4);
        return embedder.embed(texts, options);
      },
    });
    const embedders = {
      ...services.embedders,
      default: { model: "offline/words", dimensions: 16_000 },
      get: (model: string) => recording(services.embedders.get(model)),
    };
    const facts = { databaseName: "test", cairnVersion: "0", queries: 0, scope: { databases: [scope] } };
    const source = await openTestSource(chroma);
    const report = await migrate({ ...services, embedders }, source, { ...facts, ...reEmbed });
    expect(report).toMatchObject({ verdict: "identical", exceptions: [], differences: [] });
    expect(calls.reduce((sum, bytes) => sum + bytes, 0)).toBeGreaterThan(2 * MAX_SLICE_BYTES);
    expect(Math.max(...calls)).toBeLessThanOrEqual(MAX_SLICE_BYTES);
    const [stored] = await ownerRows(
      testDb.database,
      sql`SELECT count(DISTINCT id)::int AS documents, bool_and(embedding IS NOT NULL) AS embedded
          FROM cairn.documents WHERE tenant_id = ${tenant}::uuid`,
    );
    expect(stored).toEqual({ documents: 10, embedded: true });
  });
});
