import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { createCollection } from "../collection/create.ts";
import type { Database } from "../database/database.ts";
import { selectRows } from "../database/rows.ts";
import { asTenant } from "../database/transaction.ts";
import { encodeVector } from "../database/vector.ts";
import { deleteDocuments } from "../document/delete.ts";
import { ingest } from "../document/ingest.ts";
import type { Metric } from "../index/metric.ts";
import { maintainIndexes } from "../maintenance/indexes.ts";
import { inspectCollection } from "../maintenance/inspect.ts";
import { dropIndexes } from "../maintenance/register.ts";
import { explainSearch } from "./explain.ts";
import { query } from "./query.ts";

// Rows written since a collection's last index build, which the tail's index covers.

const own = useTestDatabase();
const { services } = own;
const tenantId = useTenant(own);

const DIMENSIONS = 1_024;
const THRESHOLD = 100;

/** A vector near one of ten topics, the same in every run. */
function vector(n: number, dimensions = DIMENSIONS): Float32Array {
  const wave = (seed: number, i: number) => Math.sin(seed * 12.9898 + i * 78.233) * 43_758.5453;
  const noise = (seed: number, i: number) => wave(seed, i) - Math.floor(wave(seed, i)) - 0.5;
  return Float32Array.from({ length: dimensions }, (_, i) => noise(n % 10, i) + 0.8 * noise(n + 1_000, i));
}

const documents = (from: number, to: number, dimensions = DIMENSIONS) =>
  Array.from({ length: to - from }, (_, index) => ({
    id: `d${from + index}`,
    content: `passage ${from + index}`,
    metadata: { rare: (from + index) % 50 === 7 },
    embedding: vector(from + index, dimensions),
  }));

interface Space {
  readonly dimensions?: number;
  readonly metric?: Metric;
}

async function fill(name: string, rows: number, { dimensions = DIMENSIONS, metric }: Space = {}) {
  await createCollection(own.database, tenantId, {
    name,
    embeddingModel: null,
    dimensions,
    metric,
    indexSettings: { threshold: THRESHOLD },
  });
  await add(name, 0, rows, dimensions);
}

const add = (collection: string, from: number, to: number, dimensions?: number) =>
  ingest(services, tenantId, { collection, documents: documents(from, to, dimensions) });

const maintain = async (collection: string) =>
  (await maintainIndexes(own.database, { tenantId, collection }))?.done.map(({ action }) => action);

const indexesOf = async (name: string) =>
  (await inspectCollection(own.database, tenantId, name)).indexes.map(
    ({ kind, first, state, usable }) => `${kind} from ${first}, ${usable ? state : "unusable"}`,
  );

async function planOf(collection: string) {
  const embedding = vector(3);
  const { words, steps } = await explainSearch(services, tenantId, { collection, embedding });
  return { words: words.join(" "), plan: steps.flatMap(({ plan }) => plan).join("\n") };
}

async function exactIds(collection: string, embedding: Float32Array, condition = sql`true`) {
  const { collection: found } = await inspectCollection(own.database, tenantId, collection);
  return asTenant(
    own.database,
    tenantId,
    async ({ orm }) => {
      const rows = await selectRows<{ id: string }>(
        orm,
        sql`SELECT id FROM cairn.documents WHERE collection_id = ${found.id}::uuid AND ${condition}
            ORDER BY embedding <=> ${encodeVector(embedding)}::vector LIMIT 10`,
      );
      return rows.map(({ id }) => id);
    },
    { enable_indexscan: "off" },
  );
}

const idsOf = async (collection: string, embedding: Float32Array, filter?: object) =>
  (await query(services, tenantId, { collection, embedding, filter })).map(({ id }) => id);

test("later rows are covered by the index of the tail, and by the next vector index when the tail is closed", async () => {
  await fill("notes", 150);
  expect(await maintain("notes")).toEqual(["build"]);
  const first = ["vector from 0, valid", "keyword from 0, valid", "tail from 1, valid"];
  expect(await indexesOf("notes")).toEqual(first);
  await add("notes", 150, 240);
  const { words, plan } = await planOf("notes");
  expect(plan).toMatch(/Index Scan using vector_\w+ on documents_\d\d/);
  expect(plan).toMatch(/Index Scan using tail_\w+ on documents_\d\d/);
  expect(plan).not.toMatch(/_segment_idx|Seq Scan/);
  expect(words).toMatch(/over 150 rows, and compares the 90 rows written since by binary distance/);
  expect(await maintain("notes")).toEqual([]);

  await add("notes", 240, 260);
  expect(await maintain("notes")).toEqual(["build", "drop"]);
  const second = ["vector from 0, valid", "keyword from 0, valid", "tail from 2, valid"];
  expect(await indexesOf("notes")).toEqual(second);
  await add("notes", 260, 263);
  expect((await planOf("notes")).words).toMatch(
    /over 260 rows, and compares the 3 rows written since by binary distance/,
  );
});

test("a search finds the right ten rows of the tail after edits and deletions, and with a filter all matching rows", async () => {
  await fill("live", 150);
  await maintain("live");
  await add("live", 150, 1_150);
  await add("live", 40, 60); // edited: the rows move from the index into the tail
  const gone = documents(300, 400).map(({ id }) => id);
  await deleteDocuments(own.database, tenantId, { collection: "live", ids: gone });
  let found = 0;
  for (let n = 0; n < 30; n++) {
    const embedding = vector(5_000 + n);
    const exact = await exactIds("live", embedding);
    found += (await idsOf("live", embedding)).filter((id) => exact.includes(id)).length;
    const rare = await exactIds("live", embedding, sql`metadata @> '{"rare": true}'`);
    expect(await idsOf("live", embedding, { rare: true })).toEqual(rare);
  }
  expect(found / 300).toBeGreaterThanOrEqual(0.99);
  expect((await idsOf("live", vector(1_149)))[0]).toBe("d1149");
  expect((await idsOf("live", vector(45)))[0]).toBe("d45");
});

/** Number of reads of a search in a cached collection. */
async function readsOf(collection: string, embedding: Float32Array): Promise<number> {
  let reads = 0;
  const database: Database = {
    ...own.database,
    read(...read) {
      reads++;
      return own.database.read(...read);
    },
  };
  await query({ ...services, database }, tenantId, { collection, embedding });
  reads = 0;
  await query({ ...services, database }, tenantId, { collection, embedding });
  return reads;
}

test("a tail with few rows, or none, does not cause a retry", async () => {
  await fill("quiet", 150);
  await maintain("quiet");
  expect(await readsOf("quiet", vector(8))).toBe(1);
  await add("quiet", 150, 153);
  expect(await readsOf("quiet", vector(8))).toBe(1);
  expect((await idsOf("quiet", vector(152)))[0]).toBe("d152");
});

test("the tail shares the re-rank with the HNSW index, and leaves it enough candidates", async () => {
  await fill("shared", 150);
  await maintain("shared");
  await add("shared", 150, 190);
  expect((await planOf("shared")).plan).toMatch(/Merge Append/);
  expect(await readsOf("shared", vector(5))).toBe(1);
  // 150 rows around one point, nearer than all others: more than are re-ranked.
  const near = Array.from({ length: 150 }, (_, n) => ({
    id: `near${n}`,
    content: null,
    embedding: vector(3).map((element, i) => (i < 2 * n + 2 ? -element : element)),
  }));
  await ingest(services, tenantId, { collection: "shared", documents: near });
  expect(await readsOf("shared", vector(3))).toBe(1);
  expect((await idsOf("shared", vector(3))).toSorted()).toEqual((await exactIds("shared", vector(3))).toSorted());
});

test("without its index the tail is compared row by row", async () => {
  await fill("bare", 150);
  await maintain("bare");
  await add("bare", 150, 180);
  const { collection, indexes } = await inspectCollection(own.database, tenantId, "bare");
  await dropIndexes(
    own.database,
    collection,
    indexes.filter(({ kind }) => kind === "tail"),
  );
  const { words, plan } = await planOf("bare");
  expect(plan).toMatch(/_segment_idx/);
  expect(words).toMatch(/and compares the 30 rows written since exactly/);
  expect((await idsOf("bare", vector(170)))[0]).toBe("d170");
});

test("a collection that has become small loses the index of its tail, even if its vector index is missing", async () => {
  await fill("small", 150);
  await maintain("small");
  const { collection, indexes } = await inspectCollection(own.database, tenantId, "small");
  const gone = indexes.filter(({ kind }) => kind === "vector");
  await dropIndexes(own.database, collection, gone);
  const ids = documents(40, 150).map(({ id }) => id);
  await deleteDocuments(own.database, tenantId, { collection: "small", ids });
  expect(await maintain("small")).toEqual(["drop"]);
  expect(await indexesOf("small")).toEqual([]);
});

test.each<[string, Space]>([
  ["few dimensions", { dimensions: 999 }],
  ["another metric than cosine", { metric: "l2" }],
])("with %s the tail has no index", async (name, space) => {
  await fill(name, 150, space);
  await maintain(name);
  expect(await indexesOf(name)).toEqual(["vector from 0, valid", "keyword from 0, valid"]);
});

test("vectors that binary distances cannot order are compared in full precision from the next build", async () => {
  const all = (from: number, to: number) =>
    documents(from, to).map((one) => ({ ...one, embedding: one.embedding.map(Math.abs) }));
  await fill("mixed", 150);
  await maintain("mixed");
  expect(await indexesOf("mixed")).toContain("tail from 1, valid");
  await ingest(services, tenantId, { collection: "mixed", documents: all(150, 1_150) });
  expect(await maintain("mixed")).toEqual(["build", "drop"]);
  expect(await indexesOf("mixed")).toEqual(["vector from 0, valid", "keyword from 0, valid"]);
  await ingest(services, tenantId, { collection: "mixed", documents: all(1_150, 1_350) });
  const { plan } = await planOf("mixed");
  expect(plan).toMatch(/_segment_idx/);
  for (const n of [7, 600, 1_200, 1_349])
    expect((await idsOf("mixed", vector(n).map(n < 150 ? (element) => element : Math.abs)))[0]).toBe(`d${n}`);
});

test("the tail keeps its index if vectors exceed half precision", async () => {
  await fill("large", 150);
  const [large] = documents(150, 151);
  const embedding = large?.embedding.map((element) => 200_000 * element) as Float32Array;
  await ingest(services, tenantId, {
    collection: "large",
    documents: [{ id: "large", content: null, embedding }],
  });
  await maintain("large");
  expect(await indexesOf("large")).toContain("tail from 1, valid");
  expect((await indexesOf("large")).filter((index) => index.startsWith("tail"))).toHaveLength(1);
});
