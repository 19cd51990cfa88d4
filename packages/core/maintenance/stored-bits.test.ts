import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { createCollection } from "../collection/create.ts";
import { selectRows } from "../database/rows.ts";
import { asTenant } from "../database/transaction.ts";
import { ingest } from "../document/ingest.ts";
import type { Metric } from "../index/metric.ts";
import { explainSearch } from "../search/explain.ts";
import { query } from "../search/query.ts";
import { maintainIndexes } from "./indexes.ts";
import { inspectCollection } from "./inspect.ts";
import { findPendingWork } from "./pending-work.ts";

// The binary-quantized vector is stored in the column `bits`. Rows and indexes from before that column still work.

const own = useTestDatabase();
const tenantId = useTenant(own);

/** Pseudo-random noise, the same in every run. */
function vector(n: number, dimensions = 1_024): Float32Array {
  const wave = (i: number) => Math.sin(n * 12.9898 + i * 78.233) * 43_758.5453;
  return Float32Array.from({ length: dimensions }, (_, i) => wave(i) - Math.floor(wave(i)) - 0.5);
}

interface Filling {
  readonly dimensions?: number | null;
  readonly metric?: Metric;
  readonly rows?: number;
}

async function fill(name: string, { dimensions = 1_024, metric = "cosine", rows = 3 }: Filling = {}): Promise<void> {
  await createCollection(own.database, tenantId, {
    name,
    embeddingModel: null,
    dimensions,
    metric,
    indexSettings: { threshold: 100 },
  });
  await write(name, rows, (n) => vector(n, dimensions ?? undefined));
}

async function write(name: string, rows: number, embedding: (n: number) => Float32Array): Promise<void> {
  const documents = Array.from({ length: rows }, (_, n) => ({
    id: `d${n}`,
    content: null,
    embedding: embedding(n),
  }));
  await ingest(own.services, tenantId, { collection: name, documents });
}

/** Rows of a collection: all, those with bits, and those with the right bits. */
function count(name: string) {
  return asTenant(own.database, tenantId, async ({ orm }) => {
    const [row] = await selectRows<{ rows: number; bits: number; right: number }>(
      orm,
      sql`SELECT count(*)::int AS rows, count(bits)::int AS bits,
                 (count(*) FILTER (WHERE bits = binary_quantize(embedding)))::int AS right
          FROM cairn.documents WHERE collection_id = (SELECT id FROM cairn.collections WHERE name = ${name})`,
    );
    return row;
  });
}

const change = (statement: string) => own.database.maintain([statement]);

async function vectorIndexOf(name: string) {
  const { indexes } = await inspectCollection(own.database, tenantId, name);
  return indexes.find(({ kind }) => kind === "vector");
}

/** Whether a search by its own vector finds each of some rows first. */
async function foundFirst(name: string): Promise<readonly boolean[]> {
  const services = own.services;
  const rows = [0, 1, 50, 51, 98, 99];
  return Promise.all(
    rows.map(async (n) => {
      const [first] = await query(services, tenantId, { collection: name, embedding: vector(n) });
      return first?.id === `d${n}`;
    }),
  );
}

/** The index that a search uses. */
async function searchedThrough(name: string): Promise<string> {
  const { steps } = await explainSearch(own.services, tenantId, {
    collection: name,
    embedding: vector(7),
  });
  const plan = steps.flatMap((step) => step.plan).join("\n");
  return [...plan.matchAll(/Index Scan using (vector_\w+)/g)].map(([, index]) => index).join();
}

test("a vector is stored with its bits if an index can hold them, also after it is replaced", async () => {
  await fill("long");
  expect(await count("long")).toEqual({ rows: 3, bits: 3, right: 3 });
  await write("long", 3, (n) => vector(n + 100));
  expect(await count("long")).toEqual({ rows: 3, bits: 3, right: 3 });
  await fill("first", { dimensions: null }); // the first vector sets the dimensions
  expect(await count("first")).toEqual({ rows: 3, bits: 3, right: 3 });
  await fill("short", { dimensions: 24 });
  expect(await count("short")).toEqual({ rows: 3, bits: 0, right: 0 });
  await fill("far", { metric: "l2" });
  expect(await count("far")).toEqual({ rows: 3, bits: 0, right: 0 });
});

test("bits are stored in the row if its vector is stored out of line", async () => {
  await fill("huge", { dimensions: 3_072 });
  const rows = await asTenant(own.database, tenantId, ({ orm }) =>
    selectRows<{ vector: boolean; bits: boolean }>(
      orm,
      sql`SELECT pg_column_toast_chunk_id(embedding) IS NULL AS vector, pg_column_toast_chunk_id(bits) IS NULL AS bits
          FROM cairn.documents WHERE collection_id = (SELECT id FROM cairn.collections WHERE name = 'huge')`,
    ),
  );
  expect(rows).toEqual(Array(3).fill({ vector: false, bits: true }));
});

test("a row cannot have bits of another vector, or bits without a vector", async () => {
  await fill("kept");
  const refused = { cause: { constraint: "documents_bits_check" } };
  for (const set of ["bits = ~bits", "embedding = embedding - embedding - embedding, bits = bits || B'1'"])
    await expect(change(`UPDATE cairn.documents SET ${set} WHERE bits IS NOT NULL`)).rejects.toMatchObject(refused);
  await expect(
    change("UPDATE cairn.documents SET embedding = NULL, bits = bits || B'1' WHERE bits IS NOT NULL"),
  ).rejects.toMatchObject(refused);
  expect(await count("kept")).toEqual({ rows: 3, bits: 3, right: 3 });
});

test("a replaced vector loses its bits if the service of the previous version wrote it", async () => {
  await fill("old");
  await change(
    `UPDATE cairn.documents SET embedding = embedding - embedding - embedding WHERE id = 'd1'
     AND collection_id = (SELECT id FROM cairn.collections WHERE name = 'old')`,
  );
  expect(await count("old")).toEqual({ rows: 3, bits: 2, right: 2 });
});

test("an index covers rows that were written before bits were stored", async () => {
  await fill("mixed", { rows: 150 });
  await change("UPDATE cairn.documents SET bits = NULL WHERE abs(hashtext(id)::bigint) % 2 = 0");
  const { bits } = (await count("mixed")) ?? { bits: 0 };
  expect(bits > 30 && bits < 120).toBe(true);
  await maintainIndexes(own.database, { tenantId, collection: "mixed" });
  const index = await vectorIndexOf("mixed");
  expect(index?.settings).toMatchObject({ precision: "bit", stored: true });
  expect(await searchedThrough("mixed")).toBe(index?.name);
  expect(await foundFirst("mixed")).toEqual([true, true, true, true, true, true]);
});

test("an index of an earlier version, which computes the bits, still works", async () => {
  await fill("before", { rows: 150 });
  await maintainIndexes(own.database, { tenantId, collection: "before" });
  const { name } = (await vectorIndexOf("before")) ?? {};
  const definition = await asTenant(own.database, tenantId, async ({ orm }) => {
    const [row] = await selectRows<{ definition: string }>(
      orm,
      sql`SELECT pg_get_indexdef(('cairn.' || ${name})::regclass) AS definition`,
    );
    return row?.definition ?? "";
  });
  const stored = /COALESCE\(bits, (?:\(binary_quantize\(embedding\)\)::bit varying|binary_quantize\(embedding\))\)/;
  expect(definition).toMatch(stored);
  await change(`DROP INDEX cairn.${name}`);
  // CONCURRENTLY: otherwise transactions in other databases can keep Postgres from using the index for a while (indcheckxmin).
  await own.database.maintain([
    definition.replace(stored, "binary_quantize(embedding)").replace("CREATE INDEX ", "CREATE INDEX CONCURRENTLY "),
  ]);
  await change(`UPDATE cairn.collection_indexes SET settings = settings - 'stored' WHERE name = '${name}'`);
  await change("UPDATE cairn.collections SET language = language WHERE name = 'before'"); // invalidates cached search targets
  expect(await searchedThrough("before")).toBe(name);
  expect(await foundFirst("before")).toEqual([true, true, true, true, true, true]);
  expect(findPendingWork(await inspectCollection(own.database, tenantId, "before"))).toEqual({
    action: "none",
  });
});
