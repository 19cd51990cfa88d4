import { migrate } from "@cairn/chroma/migrate.ts";
import { openSource } from "@cairn/chroma/source/http-source.ts";
import { verify } from "@cairn/chroma/verify/verify.ts";
import { startChroma } from "@cairn/cli/demo/chroma-server.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import { selectRows } from "@cairn/core/database/rows.ts";
import { getDocuments } from "@cairn/core/document/list.ts";
import { sql } from "drizzle-orm";
import { beforeAll, expect, test } from "vitest";
import { createChromaCollection, plainRecords, putRecords, randomUnit, tenantName } from "./support/fill-chroma.ts";
import { useServer, useTestDatabase } from "./support/fixture.ts";
import { offlineServices } from "./support/services.ts";

const FACTS = { databaseName: "test", cairnVersion: "0" };

const chroma = useServer(() => startChroma({ command: process.env.CAIRN_TEST_CHROMA }));
const testDatabase = useTestDatabase();
const first = tenantName();
const second = tenantName("manuals");
beforeAll(async () => {
  const a = await createChromaCollection(chroma.url, first.name, {
    metadata: { owner: "support", big: 9007199254740993n },
  });
  await putRecords(a, plainRecords(700, 8));
  await putRecords(a, [
    { id: "null document", embedding: randomUnit(8) },
    {
      id: "nul\0and\nnewline",
      embedding: randomUnit(8),
      document: "with NUL \0 inside",
      metadata: { "k\0": "v\0" },
    },
    { id: "x".repeat(5_000), embedding: randomUnit(8), document: "a long id" },
    {
      id: "numbers",
      embedding: randomUnit(8),
      document: "n",
      metadata: { big: 9007199254740993n, one: JSON.rawJSON("1.0"), huge: 1e300, int: 1, flag: true },
    },
    { id: "empty text", embedding: randomUnit(8), document: "", uri: "s3://bucket/key" },
    { id: "zero", embedding: [0, 0, 0, 0, 0, 0, 0, 0], document: "no direction" },
    { id: "not unit", embedding: [3, 4, 0, 0, 0, 0, 0, 0], document: "returned scaled" },
    { id: "日本語 🍵", embedding: randomUnit(8), document: "日本語 🍵" },
  ]);
  const b = await createChromaCollection(chroma.url, second.name, { space: "l2" });
  await putRecords(b, plainRecords(40, 5));
  await putRecords(b, [{ id: "zero", embedding: [0, 0, 0, 0, 0], document: "the origin is a valid vector" }]);
  await createChromaCollection(chroma.url, tenantName("empty").name, { space: "ip" });
});

const rowVersions = () =>
  testDatabase.database.transaction(({ orm }) =>
    selectRows<{ v: string }>(orm, sql`SELECT xmin::text AS v FROM cairn.documents ORDER BY ctid`),
  );

test("a migration copies every record, quarantines records without a usable vector, and verifies the result", async () => {
  const services = offlineServices(testDatabase.database);
  const source = await openSource({ url: chroma.url });
  const report = await migrate(services, source, { ...FACTS, sourceModel: "offline/words" });

  expect(report.differences).toEqual([]);
  expect(report.exceptions.map(({ id, reason }) => ({ id, reason }))).toEqual([{ id: "zero", reason: "vector_zero" }]);
  expect(report.verdict).toBe("identical_with_exceptions");
  expect(report.totals).toMatchObject({
    tenants: 3,
    collections: 3,
    sourceRecords: 749,
    targetRecords: 749,
    compared: 749,
    vectorsCompared: 748,
  });
  expect(report.search?.meanOverlapWithExact).toBe(1);
  expect(report.search?.meanOverlapWithChroma).toBeGreaterThan(0.95);
  for (const { chroma: chromaDistance, cairn: cairnDistance } of report.search?.distances ?? [])
    expect(cairnDistance).toBeCloseTo(chromaDistance, 4);

  const ids = ["nul\0and\nnewline", "x".repeat(5_000), "numbers", "null document"];
  const documents = await getDocuments(testDatabase.database, first.tenant, { ids });
  const byId = new Map(documents.map((document) => [document.id, document]));
  expect(byId.get("nul\0and\nnewline")).toMatchObject({
    metadata: { "k\0": "v\0" },
    passages: [{ content: "with NUL \0 inside" }],
  });
  expect(byId.get("x".repeat(5_000))?.passages[0]?.content).toBe("a long id");
  expect(byId.get("numbers")?.metadata).toEqual({
    big: 9007199254740993n,
    one: 1,
    huge: 1e300,
    int: 1,
    flag: true,
  });
  expect(byId.get("null document")?.passages).toEqual([{ chunk: 0, content: null, embedded: true, offset: 0 }]);
  expect(await getCollection(testDatabase.database, first.tenant)).toMatchObject({
    metric: "cosine",
    dimensions: 8,
    embeddingModel: "offline/words",
    metadata: { owner: "support", big: 9007199254740993n },
  });
  expect(await getCollection(testDatabase.database, second.tenant, "manuals")).toMatchObject({
    metric: "l2",
    dimensions: 5,
  });
});

test("a second run over an unchanged source compares everything and writes nothing", async () => {
  const before = await rowVersions();
  expect(before.length).toBe(749);
  const report = await migrate(offlineServices(testDatabase.database), await openSource({ url: chroma.url }), FACTS);
  expect(report).toMatchObject({
    verdict: "identical_with_exceptions",
    passes: 1,
    totals: { written: 0, compared: 749 },
  });
  expect(await rowVersions()).toEqual(before);
});

test("verify finds every kind of difference and changes nothing", async () => {
  const services = offlineServices(testDatabase.database);
  const source = await openSource({ url: chroma.url });
  const change = (statement: string) =>
    testDatabase.database.transaction(async ({ script }) => {
      await script("SET LOCAL row_security = off"); // alone: Citus sends all of its message to the workers
      await script(statement);
    });
  await change(`UPDATE cairn.documents SET content = content || '!' WHERE id = 'doc-1';
    UPDATE cairn.documents SET metadata = metadata || '{"index": "3"}' WHERE id = 'doc-3';
    UPDATE cairn.documents SET embedding = (SELECT embedding FROM cairn.documents WHERE id = 'doc-6' AND tenant_id = '${first.tenant}') WHERE id = 'doc-5' AND tenant_id = '${first.tenant}';
    UPDATE cairn.documents SET uri = 'elsewhere' WHERE id = 'doc-7' AND tenant_id = '${first.tenant}';
    DELETE FROM cairn.documents WHERE id = 'doc-9' AND tenant_id = '${first.tenant}';
    UPDATE cairn.documents SET id = 'intruder' WHERE id = 'doc-11' AND tenant_id = '${first.tenant}';`);
  const report = await verify(services, source, { ...FACTS, queries: 0 });
  expect(report.verdict).toBe("not_identical");
  expect(new Set(report.differences.map(({ id, kind }) => `${kind} ${id}`))).toEqual(
    new Set([
      "content doc-1",
      "metadata doc-3",
      "vector doc-5",
      "uri doc-7",
      "missing doc-9",
      "missing doc-11",
      "extra intruder",
    ]),
  );
  const before = await rowVersions();
  await verify(services, source, { ...FACTS, queries: 0 });
  expect(await rowVersions()).toEqual(before);

  const repaired = await migrate(services, source, { ...FACTS, queries: 0, prune: true });
  expect(repaired).toMatchObject({ verdict: "identical_with_exceptions", differences: [] });
});
