import { beforeAll, describe, expect, test } from "vitest";
import { idsOf, useRoutes } from "../../../test/support/routes.ts";

// The effect of each request field, as a caller sees it.

const { api, tenant, call, listed, fill, missing } = useRoutes();

/** The numbers of this vector have no exact float32. */
const VECTOR = [0.1, -1 / 3, 1e-7];
beforeAll(async () => {
  await fill("read");
  const documents = [
    { id: "precise", content: "a pan", embedding: VECTOR },
    { id: "wordless", content: null, embedding: [1, 1, 1] },
  ];
  await call("POST", "/v1/documents", { collection: "read", documents });
});

describe("documents by id", () => {
  const get = (body: object) => call("POST", "/v1/documents/get", { collection: "read", ...body });

  test("are returned in the order of the ids, once each, and missing ids are listed", async () => {
    const { body } = await get({ ids: ["north", "none", "east", "north", "\0", "none"] });
    expect(idsOf(body.documents)).toEqual(["north", "east"]);
    expect(body.missing).toEqual(["none", "\0"]);
    expect(body.documents[1]).toEqual((await call("GET", "/v1/documents/east?collection=read")).body);
  });

  test("are looked up in the named collection", async () => {
    await call("POST", "/v1/collections", { name: "empty", dimensions: 3 });
    expect((await get({ collection: "empty", ids: ["east"] })).body).toEqual({ documents: [], missing: ["east"] });
    expect(await get({ collection: "none", ids: ["east"] })).toMatchObject({ status: 404 });
  });

  test("are at most 1,000", async () => {
    const ids = Array.from({ length: 1_001 }, (_, n) => `id${n}`);
    expect((await get({ ids: ids.slice(1) })).body.missing).toHaveLength(1_000);
    expect(await get({ ids })).toMatchObject({ status: 400, body: { path: "ids" } });
    expect(await get({ ids: [] })).toMatchObject({ status: 400, body: { path: "ids" } });
  });
});

describe("vectors", () => {
  test.each([
    ["a list", "GET", "/v1/documents?collection=read&include=embedding", undefined],
    ["ids", "POST", "/v1/documents/get", { collection: "read", ids: ["precise"], include: ["embedding"] }],
    ["one id", "GET", "/v1/documents/precise?collection=read&include=embedding", undefined],
  ])("are returned for %s as the shortest decimals of their 32-bit floats", async (_, method, path, body) => {
    const answer = await call(method, path, body);
    const documents = answer.body.documents ?? [answer.body];
    const precise = documents.find(({ id }: { id: string }) => id === "precise");
    expect(precise.passages[0].embedding).toEqual([0.1, -0.33333334, 1e-7]);
    expect(Float32Array.from(precise.passages[0].embedding)).toEqual(Float32Array.from(VECTOR));
    expect(answer.text).toContain('"embedding":[0.1,-0.33333334,1e-7]');
  });

  test("are null for a passage without one, and absent without include", async () => {
    await call("POST", "/v1/collections", { name: "worded", embedding_model: null, dimensions: 3 });
    const { database } = api.services;
    const { id } = (await call("GET", "/v1/collections")).body.collections.find(
      ({ name }: { name: string }) => name === "worded",
    );
    await call("POST", "/v1/documents", {
      collection: "worded",
      documents: [{ id: "a", content: "a", embedding: [1, 0, 0] }],
    });
    await database.transaction(async ({ script }) => {
      await script("SET LOCAL row_security = off"); // alone: Citus sends all of its message to the workers
      await script(`UPDATE cairn.documents SET embedding = NULL, bits = NULL WHERE collection_id = '${id}'`);
    });
    const path = "/v1/documents/a?collection=worded";
    expect((await call("GET", `${path}&include=embedding`)).body.passages).toMatchObject([
      { embedded: false, embedding: null },
    ]);
    expect((await call("GET", path)).body.passages[0]).not.toHaveProperty("embedding");
    expect((await call("GET", "/v1/documents?collection=read")).text).not.toContain('"embedding"');
    const refused = await api.call("GET", `${path}&include=content`, { key: tenant.key });
    expect(refused).toMatchObject({ status: 400, body: { path: "include" } });
  });
});

describe("a list", () => {
  const where = (condition: unknown) => `&where_document=${encodeURIComponent(JSON.stringify(condition))}`;

  test("has the documents whose text matches where_document, together with filter", async () => {
    expect(await listed(`?collection=read${where({ $contains: "kettle" })}`)).toEqual(["east", "north"]);
    expect(await listed(`?collection=read${where({ $regex: "^a (spoon|pan)$" })}`)).toEqual(["far", "precise"]);
    const filter = `&filter=${encodeURIComponent('{"topic": "b"}')}`;
    expect(await listed(`?collection=read${where({ $contains: "kettle" })}${filter}`)).toEqual(["north"]);
  });

  test.each([
    ["null", "where_document"],
    ["{", "where_document"],
    ['{"$contains": 1}', "where_document.$contains"],
    ['{"topic": "a"}', "where_document"],
  ])("refuses %s as where_document", async (text, path) => {
    const refused = await api.call("GET", `/v1/documents?where_document=${encodeURIComponent(text)}`, {
      key: tenant.key,
    });
    expect(refused).toMatchObject({
      status: 400,
      body: { code: "invalid_filter", path: expect.stringContaining(path) },
    });
  });
});

test.each([
  ["all documents", {}, { documents: 5, passages: 5 }],
  ["those that match filter", { filter: { topic: "a" } }, { documents: 2, passages: 2 }],
  ["those that match where_document", { where_document: { $contains: "kettle" } }, { documents: 2, passages: 2 }],
  [
    "those that match both",
    { filter: { topic: "a" }, where_document: { $contains: "kettle" } },
    { documents: 1, passages: 1 },
  ],
])("a count has %s", async (_, body, expected) => {
  expect((await call("POST", "/v1/documents/count", { collection: "read", ...body })).body).toEqual(expected);
});

test("the tests above cover every described operation and field", () => {
  expect(missing("read-documents")).toEqual([]);
});
