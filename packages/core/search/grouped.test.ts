import { beforeAll, describe, expect, test } from "vitest";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { offlineServices } from "../../../test/support/services.ts";
import { createCollection } from "../collection/create.ts";
import type { Database } from "../database/database.ts";
import { asTenant } from "../database/transaction.ts";
import type { Row } from "../document/document.ts";
import { writeRows } from "../document/write.ts";
import { maintainIndexes } from "../maintenance/indexes.ts";
import { type QueryOptions, query, queryMany } from "./query.ts";

const LONG = 700;
const SHORT = 60;

const own = useTestDatabase();
const { services } = own;
const tenantId = useTenant(own);

/** A point on a circle. The angle is the distance from the query, `(1, 0)`. */
const at = (angle: number) => new Float32Array([Math.cos(angle), Math.sin(angle), 0, 0]);
const QUERY = at(0);

/** One document of 700 passages that are nearer than the other 60 documents, which have three passages each. */
const rows: readonly Row[] = [
  ...Array.from({ length: LONG }, (_, chunk) => row("long", { chunk, angle: 0.001 + chunk * 1e-6 })),
  ...Array.from({ length: SHORT }, (_, n) =>
    [2, 0, 1].map((nearest, chunk) =>
      row(`s${String(n).padStart(2, "0")}`, { chunk, angle: 0.1 + n * 0.01 + nearest * 0.003, n }),
    ),
  ).flat(),
];

function row(id: string, { chunk, angle, n = -1 }: { chunk: number; angle: number; n?: number }): Row {
  const content = `violin ${id} passage${chunk}${chunk === 1 ? " odd" : ""}${n % 2 === 0 ? " even" : ""}`;
  return { id, chunk, content, embedding: at(angle), metadata: { n, chunk }, uri: null };
}

async function fill(name: string, threshold: number) {
  const collection = await createCollection(own.database, tenantId, {
    name,
    dimensions: 4,
    metric: "l2",
    embeddingModel: "offline/words",
    indexSettings: { threshold },
  });
  const types = await own.database.vectorTypes();
  await asTenant(own.database, tenantId, (transaction) =>
    writeRows(transaction, collection, rows, { types, skipCleanup: true }),
  );
}

beforeAll(async () => {
  await fill("small", 100_000);
  await fill("indexed", 20);
  const report = await maintainIndexes(own.database, { tenantId });
  expect(JSON.stringify(report)).toContain("indexed");
}, 120_000);

const short = (count: number, step = 1) =>
  Array.from({ length: count }, (_, n) => `s${String(n * step).padStart(2, "0")}`);

describe.each(["small", "indexed"])("grouped by document, in a %s collection", (collection) => {
  const find = (options: Partial<QueryOptions>) =>
    query(services, tenantId, { collection, groupBy: "document", ...options });
  const ids = async (options: Partial<QueryOptions>) => (await find(options)).map(({ id }) => id);

  test("a long document is one hit: its best passage, with the number of other passages", async () => {
    const hits = await find({ embedding: QUERY, topK: 10 });
    expect(hits.map(({ id }) => id)).toEqual(["long", ...short(9)]);
    expect(hits[0]).toMatchObject({ chunk: 0, others: LONG - 1, content: "violin long passage0" });
    expect(hits[1]).toMatchObject({ chunk: 1, others: 2, metadata: { n: 0, chunk: 1 } });
    expect(
      new Set(await query(services, tenantId, { collection, embedding: QUERY }).then((all) => all.map(({ id }) => id))),
    ).toEqual(new Set(["long"]));
  });

  test("a search returns exactly the requested documents, or all there are", async () => {
    expect(await ids({ embedding: QUERY, topK: 1 })).toEqual(["long"]);
    expect(await ids({ embedding: QUERY, topK: SHORT })).toEqual(["long", ...short(SHORT - 1)]);
    expect(await ids({ embedding: QUERY, topK: 1_000 })).toEqual(["long", ...short(SHORT)]);
  });

  test("filters on metadata and text also apply to the number of other passages", async () => {
    const hits = await find({ embedding: QUERY, filter: { chunk: { $in: [1, 2] } }, topK: 20 });
    expect(hits.map(({ id }) => id)).toEqual(["long", ...short(19)]);
    expect(hits.slice(0, 3).map(({ chunk, others }) => [chunk, others])).toEqual([
      [1, 1],
      [1, 1],
      [1, 1],
    ]);
    expect(await ids({ embedding: QUERY, whereDocument: { $contains: "even" }, topK: 12 })).toEqual(short(12, 2));
    expect(await ids({ embedding: QUERY, filter: { n: 41 } })).toEqual(["s41"]);
  });

  test("max_distance also applies to the number of other passages", async () => {
    const [, first] = await find({ embedding: QUERY, topK: 2 });
    const hits = await find({ embedding: QUERY, maxDistance: (first?.distance ?? 0) * 1.0001, topK: 10 });
    expect(hits.map(({ id, others }) => [id, others])).toEqual([
      ["long", LONG - 1],
      ["s00", 0],
    ]);
  });

  test("keyword search returns the best passage of each document", async () => {
    const hits = await find({ mode: "keyword", text: "violin odd", topK: 30 });
    expect(hits).toHaveLength(30);
    expect(new Set(hits.map(({ id }) => id)).size).toBe(30);
    for (const { chunk } of hits) expect(chunk).toBe(1);
    const all = await find({ mode: "keyword", text: "violin odd", topK: 100 });
    expect(all).toHaveLength(SHORT + 1);
    for (const { id, others } of all) expect(others).toBe(id === "long" ? LONG - 1 : 2);
    const even = await find({ mode: "keyword", text: "violin", filter: { n: { $gte: 50 } }, topK: 100 });
    expect(even.map(({ id }) => id).sort()).toEqual(short(60).slice(50));
  });

  test("hybrid search returns each document once", async () => {
    for (const topK of [1, 10, 60, 200]) {
      const hits = await find({ mode: "hybrid", text: "violin odd", embedding: QUERY, topK });
      expect(hits).toHaveLength(Math.min(topK, SHORT + 1));
      expect(new Set(hits.map(({ id }) => id)).size).toBe(hits.length);
      for (const { id, others } of hits) expect(others).toBe(id === "long" ? LONG - 1 : 2);
    }
  });

  test("many queries at once return the same hits as single queries", async () => {
    const queries = [0, 0.2, 0.5, 3].map((angle) => ({ embedding: at(angle) }));
    const many = await queryMany(services, tenantId, { collection, groupBy: "document", queries, topK: 12 });
    for (const [index, { embedding }] of queries.entries()) {
      expect(many[index]).toEqual(await find({ embedding, topK: 12 }));
      expect(new Set(many[index]?.map(({ id }) => id)).size).toBe(12);
    }
  });
});

test("an ordinary grouped search is one read, and the hardest one at most three", async () => {
  let reads = 0;
  const database: Database = {
    ...own.database,
    read: (...args) => {
      reads++;
      return own.database.read(...args);
    },
  };
  const count = async (options: Partial<QueryOptions>) => {
    reads = 0;
    const request = { collection: "indexed", groupBy: "document", topK: 10, ...options } as const;
    expect(await query(offlineServices(database), tenantId, request)).toHaveLength(10);
    return reads;
  };
  await count({ embedding: at(0.4) });
  expect(await count({ embedding: at(0.4) })).toBe(1);
  expect(await count({ embedding: QUERY })).toBeLessThanOrEqual(3);
});
