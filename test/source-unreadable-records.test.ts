import { sql } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import { RECORDS, useFaultySource } from "./support/faulty-source.ts";
import { useTestDatabase } from "./support/fixture.ts";
import { expectSame, ownerRows, readCairn, readChroma } from "./support/migration.ts";
import { always, isFetch, isVectorFetchOf } from "./support/proxy.ts";

const testDb = useTestDatabase();
const fixture = useFaultySource(testDb);
const { migrateNow, storedIds } = fixture;

describe("records that a server cannot return", () => {
  const failVectorsOf = (...ids: readonly string[]) =>
    ids.map((id) =>
      always(
        { kind: "answer", status: 500, body: '{"error":"InternalError","message":"no vector"}' },
        isVectorFetchOf(id),
      ),
    );

  test("only a record that lacks its vector is quarantined, and its text is kept", async () => {
    fixture.proxy.rules = failVectorsOf("doc-77");
    const report = await migrateNow();
    expect(report.verdict).toBe("identical_with_exceptions");
    expect(report.exceptions).toEqual([expect.objectContaining({ id: "doc-77", reason: "vector_missing" })]);
    const inChroma = await readChroma(fixture.collection);
    const inCairn = await readCairn(testDb.database, fixture.collection.tenant);
    expect(inCairn["doc-77"]).toEqual({ ...inChroma["doc-77"], vector: null });
    expect({ ...inCairn, "doc-77": null }).toEqual({ ...inChroma, "doc-77": null });
  });

  test("records that lack their vectors are isolated on one page and on different pages", async () => {
    const ids = ["doc-0", "doc-101", "doc-102", "doc-199"];
    fixture.proxy.rules = failVectorsOf(...ids);
    const report = await migrateNow();
    expect(report.exceptions.map(({ id, reason }) => `${id} ${reason}`).sort()).toEqual(
      ids.map((id) => `${id} vector_missing`),
    );
    const inCairn = await readCairn(testDb.database, fixture.collection.tenant);
    expect(Object.keys(inCairn)).toHaveLength(RECORDS);
    expect(
      Object.entries(inCairn)
        .filter(([, { vector }]) => vector === null)
        .map(([id]) => id)
        .sort(),
    ).toEqual(ids);
  });

  test("vectors that are null, contain null or have other dimensions are quarantined, and the run is complete with exceptions", async () => {
    const vectors: Readonly<Record<string, readonly (number | null)[] | null>> = {
      "doc-3": [1, null, 0, 0],
      "doc-44": null,
      "doc-45": [null, null, null, null],
      "doc-150": [1, 0],
    };
    const change = (body: string) => {
      const page = JSON.parse(body) as { ids: string[]; embeddings: (readonly (number | null)[] | null)[] };
      const embeddings = page.ids.map((id, index) => (id in vectors ? vectors[id] : page.embeddings[index]));
      return JSON.stringify({ ...page, embeddings });
    };
    fixture.proxy.rules = [
      always({ kind: "change", change }, (request) => isFetch(request) && request.body.includes('"embeddings"')),
    ];
    const report = await migrateNow();
    expect(report).toMatchObject({ verdict: "identical_with_exceptions", differences: [] });
    expect(report.totals).toMatchObject({ exceptions: 4, compared: RECORDS, vectorsCompared: RECORDS - 4 });
    expect(report.exceptions.map(({ id, reason }) => `${id} ${reason}`).sort()).toEqual([
      "doc-150 dimension_mismatch",
      "doc-3 vector_not_finite",
      "doc-44 vector_null",
      "doc-45 vector_not_finite",
    ]);
    expect(
      await ownerRows(
        testDb.database,
        sql`SELECT status FROM cairn.migration_runs WHERE source = ${fixture.proxy.url} AND finished_at IS NOT NULL`,
      ),
    ).toEqual([{ status: "complete_with_exceptions" }]);
    const inChroma = await readChroma(fixture.collection);
    for (const id of Object.keys(vectors)) Object.assign(inChroma[id] as object, { vector: null });
    expect(await readCairn(testDb.database, fixture.collection.tenant)).toEqual(inChroma);
  });

  test("a vector that was copied earlier is kept if Chroma can no longer return it", async () => {
    await migrateNow();
    fixture.proxy.rules = failVectorsOf("doc-5");
    expect(await migrateNow()).toMatchObject({
      verdict: "identical_with_exceptions",
      totals: { written: 0 },
    });
    await expectSame(testDb.database, fixture.collection);
  });

  test("a record that cannot be read at all is kept with its id", async () => {
    fixture.proxy.rules = [
      always(
        { kind: "answer", status: 500 },
        (request) => isFetch(request) && request.body.includes('"doc-9"') && !request.body.includes('"include":[]'),
      ),
    ];
    const report = await migrateNow();
    expect(report.exceptions).toEqual([expect.objectContaining({ id: "doc-9", reason: "unreadable" })]);
    expect((await readCairn(testDb.database, fixture.collection.tenant))["doc-9"]).toEqual({
      document: null,
      metadata: {},
      uri: null,
      vector: null,
    });
  });

  test("a server that fails for all vectors is unavailable, and nothing is quarantined", async () => {
    fixture.proxy.rules = [
      always(
        { kind: "answer", status: 500, body: '{"message":"no index"}' },
        ({ path, body }) => path.endsWith("/get") && body.includes('"embeddings"'),
      ),
    ];
    await expect(migrateNow()).rejects.toMatchObject({
      code: "source_unavailable",
      message: expect.stringMatching(/500 for the vectors of .* in general.*no index/),
    });
    expect(await storedIds()).toEqual([]);
    fixture.proxy.rules = [];
    expect(await migrateNow()).toMatchObject({ verdict: "identical", exceptions: [] });
  });

  test("many consecutive records without vectors do not stop the run if the server returns others", async () => {
    const ids = Array.from({ length: 24 }, (_, index) => `doc-${index + 1}`);
    fixture.proxy.rules = failVectorsOf(...ids);
    const report = await migrateNow();
    expect(report.verdict).toBe("identical_with_exceptions");
    expect(report.exceptions.map(({ id }) => id).sort()).toEqual(ids.sort());
  });

  test("a server that fails for everything is unavailable, and nothing is quarantined", async () => {
    fixture.proxy.rules = [
      always({ kind: "answer", status: 500 }, ({ path }) => path.endsWith("/get") || path.endsWith("/query")),
    ];
    await expect(migrateNow()).rejects.toMatchObject({ code: "source_unavailable" });
    fixture.proxy.rules = [always({ kind: "answer", status: 500 }, isFetch)];
    await expect(migrateNow()).rejects.toMatchObject({ code: "source_unavailable" });
    expect(await storedIds()).toEqual([]);
    expect(
      await ownerRows(
        testDb.database,
        sql`SELECT FROM cairn.migration_exceptions AS e JOIN cairn.migration_runs AS r ON r.id = e.run_id WHERE r.source = ${fixture.proxy.url}`,
      ),
    ).toEqual([]);
  });
});
