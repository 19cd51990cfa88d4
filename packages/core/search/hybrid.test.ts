import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import {
  createRandomCollection,
  type RandomCollectionOptions,
  randomVector,
} from "../../../test/support/random-documents.ts";
import { createCollection } from "../collection/create.ts";
import { asTenant } from "../database/transaction.ts";
import { ingest } from "../document/ingest.ts";
import { maintainIndexes } from "../maintenance/indexes.ts";
import { query } from "./query.ts";

const own = useTestDatabase();
const { services } = own;
const tenantId = useTenant(own);

const collectionOf = (name: string, options: RandomCollectionOptions = {}) =>
  createRandomCollection(own, tenantId, { name, ...options });

test("keyword search finds inflected words, rare words first, with and without an index", async () => {
  await collectionOf("words", { count: 1_200 });
  const search = (text: string, options = {}) =>
    query(services, tenantId, { collection: "words", text, mode: "keyword", ...options });
  for (const indexed of [false, true]) {
    if (indexed) expect((await maintainIndexes(own.database, { tenantId, collection: "words" }))?.done).toHaveLength(1);
    expect((await search("refunds 1001"))[0]).toMatchObject({
      id: "d1001",
      keywordRank: 1,
      score: expect.closeTo(1, 5),
      distance: null,
    });
    const both = await search("shipped parcels", { topK: 30 });
    expect(both).toHaveLength(30);
    for (const { content } of both.slice(0, 10)) expect(content).toMatch(/parcel.*shipping|shipping.*parcel/);
    expect(await search("the of and")).toEqual([]);
    expect(await search("it's \\ a 'quoted' & (odd | text) <-> : *")).toEqual([]);
    const filtered = await search("warranty", { filter: { n: { $lt: 20 } } });
    expect(filtered.map(({ id }) => id).sort()).toEqual(["d11", "d19", "d3"]);
  }
});

test("a row with several common words is found even if the sample of each word misses it", async () => {
  const name = "common";
  const { id } = await createCollection(own.database, tenantId, {
    name,
    embeddingModel: null,
    dimensions: 1,
  });
  await asTenant(own.database, tenantId, ({ orm }) =>
    orm.execute(sql`
      INSERT INTO cairn.documents (tenant_id, collection_id, id, content, embedding)
      SELECT ${tenantId}::uuid, ${id}::uuid, word || n, word, '[1]'
      FROM generate_series(1, 5100) AS n, unnest(ARRAY['kettle', 'parcel', 'refund']) AS word`),
  );
  const embedding = new Float32Array([1]);
  const documents = [
    { id: "two", content: "parcel refund", embedding },
    { id: "all", content: "kettle parcel refund", embedding },
  ];
  await ingest(services, tenantId, { collection: name, documents });
  await maintainIndexes(own.database, { tenantId, collection: name });
  const hits = await query(services, tenantId, {
    collection: name,
    text: "kettle parcel refund",
    mode: "keyword",
  });
  expect(hits.slice(0, 2)).toMatchObject([{ id: "all", score: expect.closeTo(1, 5) }, { id: "two" }]);
});

test("hybrid search returns both ranks, and a row in both lists comes first", async () => {
  await collectionOf("both", { count: 1_200 });
  await maintainIndexes(own.database, { tenantId, collection: "both" });
  const near = randomVector(8);
  await ingest(services, tenantId, {
    collection: "both",
    documents: [
      { id: "near", content: "nothing of the kind", embedding: near },
      { id: "worded", content: "zeppelin", embedding: near.map((element) => -element) },
      {
        id: "two",
        content: "zeppelin",
        embedding: near.map((element, index) => element + (index ? 0 : 0.01)),
      },
    ],
  });
  const hits = await query(services, tenantId, {
    collection: "both",
    text: "zeppelins",
    embedding: near,
    mode: "hybrid",
  });
  expect(hits).toHaveLength(10);
  expect(hits[0]).toMatchObject({ id: "two", vectorRank: 2 });
  expect(hits.find(({ id }) => id === "near")).toMatchObject({ vectorRank: 1, keywordRank: null });
  expect(hits.find(({ id }) => id === "worded")).toMatchObject({
    vectorRank: null,
    distance: expect.closeTo(2, 4),
  });
  expect(hits.map(({ score }) => score)).toEqual(hits.map(({ score }) => score).toSorted((a, b) => b - a));
});
