import type { CollectionReport, MigrationReport, QueryOverlap, ReportException } from "@cairn/chroma/report/report.ts";

const NAMES = ["Nordlicht Outdoor", "Crema & Söhne", "Fernweh Books", "Tallybird Software"];

/** An example report of a migration of four tenants, for tests and for viewing the page. */
export function exampleReport(change: Partial<MigrationReport> = {}): MigrationReport {
  const collections = NAMES.map((name, index) => exampleCollection(name, [142, 118, 87, 65][index] ?? 0));
  return {
    version: 1,
    kind: "migrate",
    createdAt: "2025-11-22T21:05:12.000Z",
    cairnVersion: "0.1.0",
    source: { url: "http://127.0.0.1:8000" },
    database: { kind: "pglite", name: "./demo/data" },
    verdict: "identical",
    seconds: 8.42,
    runId: "0b4c6a52-4c43-4a3f-9f0e-7a1c9d4c0d55",
    passes: 2,
    totals: {
      tenants: 4,
      collections: 4,
      sourceRecords: 412,
      targetRecords: 412,
      compared: 412,
      vectorsCompared: 412,
      written: 412,
      exceptions: 0,
      differences: 0,
    },
    collections,
    exceptions: [],
    differences: [],
    search: exampleSearch(collections.map(({ source }) => source.name)),
    ...change,
  };
}

/** A collection of `count` records, copied without differences. */
export function exampleCollection(tenantName: string, count: number): CollectionReport {
  const tenant = Buffer.from(tenantName.padEnd(16, "-")).toString("hex").slice(0, 32);
  return {
    source: {
      tenant: "default_tenant",
      database: "default_database",
      name: `tenant_${tenant}_knowledge`,
      id: tenant,
    },
    target: { tenantId: tenant, tenantName, collection: "knowledge" },
    model: "openai/text-embedding-3-small",
    dimensions: 1536,
    metric: "cosine",
    vectors: "copy",
    why: "the collection names the model that made them",
    sourceCount: count,
    targetCount: count,
    compared: count,
    vectorsExact: Math.floor(count * 0.9),
    vectorsWithinTolerance: count - Math.floor(count * 0.9),
    maxVectorDifference: 1.2e-7,
    written: count,
    passes: 2,
    seconds: count / 60,
    verdict: "identical",
    differences: { missing: 0, extra: 0, deleted: 0, content: 0, metadata: 0, vector: 0, uri: 0 },
    state: "identical",
  };
}

/** One exception for each common reason, two of them with ids that are hard to display. */
export function exampleExceptions(collection: string): readonly ReportException[] {
  return [
    { collection, id: "nan\u0000line\nbreak", reason: "vector_not_finite", detail: "element 3 is NaN" },
    { collection, id: "x".repeat(5_000), reason: "vector_null", detail: "the embedding is null" },
    {
      collection,
      id: "<script>alert(1)</script>",
      reason: "vector_zero",
      detail: "cosine has no direction for it",
    },
    {
      collection,
      id: "wide",
      reason: "dimension_mismatch",
      detail: "768 elements, the collection has 1,536",
    },
    {
      collection,
      id: "lost-7",
      reason: "unreadable",
      detail: "Chroma responds with 500 whenever this id is requested",
    },
    {
      collection,
      id: "lost-8",
      reason: "unreadable",
      detail: "Chroma responds with 500 whenever this id is requested",
    },
  ];
}

/** Ten queries for each collection: most find the same, some differ in one or two results. */
export function exampleSearch(names: readonly string[], each = 10): NonNullable<MigrationReport["search"]> {
  const perQuery: QueryOverlap[] = names.flatMap((collection) =>
    Array.from({ length: each }, (_, index) => ({
      collection,
      overlapWithChroma: index % 9 === 4 ? 0.9 : index % 10 === 7 ? 0.8 : 1,
      overlapWithExact: index % 20 === 4 ? 0.9 : 1,
    })),
  );
  const mean = (key: "overlapWithChroma" | "overlapWithExact", queries = perQuery) =>
    queries.reduce((sum, query) => sum + query[key], 0) / queries.length;
  return {
    queries: perQuery.length,
    topK: 10,
    meanOverlapWithChroma: mean("overlapWithChroma"),
    meanOverlapWithExact: mean("overlapWithExact"),
    perCollection: names.map((collection) => {
      const own = perQuery.filter((query) => query.collection === collection);
      const overlapWithChroma = mean("overlapWithChroma", own);
      return {
        collection,
        queries: own.length,
        overlapWithChroma,
        overlapWithExact: mean("overlapWithExact", own),
      };
    }),
    perQuery,
    distances: Array.from({ length: perQuery.length * 9 }, (_, index) => {
      const chroma = 0.18 + 0.7 * ((index * 0.618_034) % 1) ** 0.7;
      return { chroma, cairn: chroma + (((index * 7) % 5) - 2) * 1e-7 };
    }),
  };
}
