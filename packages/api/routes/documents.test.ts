import { describe, expect, test } from "vitest";
import { base64Of, DIRECTIONS, idsOf, useRoutes } from "../../../test/support/routes.ts";

// The effect of each request field, as a caller sees it.

const { api, tenant, call, listed, fill, missing } = useRoutes();

describe("documents", () => {
  test("keep their text, metadata, URI and vector in the named collection", async () => {
    await fill("kept");
    expect((await call("GET", "/v1/documents/east?collection=kept")).body).toMatchObject({
      id: "east",
      metadata: { topic: "a" },
      uri: "x://east",
      passages: [{ chunk: 0, content: "the kettle boils", embedded: true }],
    });
    expect((await call("GET", "/v1/documents/east")).status).toBe(404);
    const nearest = { collection: "kept", query_embedding: [9, 9, 9], top_k: 1 };
    expect((await call("POST", "/v1/query", nearest)).body.hits).toMatchObject([{ id: "far", distance: 0 }]);
  });

  test("accept a vector in base64", async () => {
    await call("POST", "/v1/collections", { name: "bytes", dimensions: 3, metric: "l2" });
    const documents = DIRECTIONS.map((one) => ({ ...one, embedding: base64Of(one.embedding) }));
    await call("POST", "/v1/documents", { collection: "bytes", documents });
    const nearest = { collection: "bytes", query_embedding: [9, 9, 9], top_k: 1 };
    expect((await call("POST", "/v1/query", nearest)).body.hits).toMatchObject([{ id: "far", distance: 0 }]);
    const [first] = documents;
    const broken = { collection: "bytes", documents: [first, { ...first, embedding: "AAAA" }] };
    expect(await call("POST", "/v1/documents", broken)).toMatchObject({
      status: 400,
      body: { path: "documents[1].embedding" },
    });
  });

  test("are split by max_tokens into passages that repeat overlap", async () => {
    const content = Array.from({ length: 200 }, (_, n) => `word${n}`).join(" ");
    const passages = async (sizes: object): Promise<number> =>
      (await call("POST", "/v1/documents", { documents: [{ id: "long", content }], ...sizes })).body.passages;
    expect(await passages({})).toBe(1);
    const withoutOverlap = await passages({ max_tokens: 32, overlap: 0 });
    expect(withoutOverlap).toBeGreaterThan(10);
    expect(await passages({ max_tokens: 64, overlap: 0 })).toBeLessThan(withoutOverlap);
    expect(await passages({ max_tokens: 32, overlap: 16 })).toBeGreaterThan(withoutOverlap * 1.5);
  });

  test("are listed in pages, with a filter, for one collection", async () => {
    await fill("listed");
    const first = await call("GET", "/v1/documents?collection=listed&limit=2");
    expect(idsOf(first.body.documents)).toEqual(["east", "far"]);
    const rest = await call("GET", `/v1/documents?collection=listed&limit=2&after=${first.body.next}`);
    expect([...idsOf(rest.body.documents), rest.body.next]).toEqual(["north", null]);
    const filter = encodeURIComponent('{"topic": "a"}');
    expect(await listed(`?collection=listed&filter=${filter}`)).toEqual(["east", "far"]);
    for (const limit of ["0x10", "1e2", "", " 5", "2.5", "0", "1001"]) {
      const path = `/v1/documents?collection=listed&limit=${encodeURIComponent(limit)}`;
      const odd = await api.call("GET", path, { key: tenant.key });
      expect([limit, odd.status, odd.body.path]).toEqual([limit, 400, "limit"]);
    }
    const none = await api.call("GET", "/v1/documents?collection=listed&filter=null", { key: tenant.key });
    expect([none.status, none.body.code, none.body.path]).toEqual([400, "invalid_filter", "filter"]);
  });

  test("are deleted one by one from the named collection", async () => {
    await fill("one");
    await fill("another");
    expect((await call("DELETE", "/v1/documents/east?collection=one")).status).toBe(204);
    expect(await listed("?collection=one")).toEqual(["far", "north"]);
    expect(await listed("?collection=another")).toEqual(["east", "far", "north"]);
  });

  test("are changed one by one: metadata key by key, the URI as a whole", async () => {
    await fill("changed");
    const path = "/v1/documents/east?collection=changed";
    const change = async (body: object) => {
      expect((await call("PATCH", path, body)).status).toBe(204);
      const { metadata, uri } = (await call("GET", path)).body;
      return { metadata, uri };
    };
    expect(await change({ metadata: { price: 20 } })).toEqual({
      metadata: { topic: "a", price: 20 },
      uri: "x://east",
    });
    expect(await change({ metadata: { topic: null }, uri: "x://new" })).toEqual({
      metadata: { price: 20 },
      uri: "x://new",
    });
    expect(await change({ uri: null })).toEqual({ metadata: { price: 20 }, uri: null });
    const nearest = { collection: "changed", query_embedding: [1, 0, 0], top_k: 1, filter: { price: 20 } };
    expect((await call("POST", "/v1/query", nearest)).body.hits).toMatchObject([
      { id: "east", distance: 0, content: "the kettle boils" },
    ]);
  });

  test("that do not exist, and changes that are none or too large, are refused", async () => {
    await fill("refused");
    const change = (id: string, body: object) => call("PATCH", `/v1/documents/${id}?collection=refused`, body);
    expect(await change("none", { metadata: {} })).toMatchObject({ status: 404, body: { code: "not_found" } });
    const invalid = { status: 400, body: { code: "invalid_input", path: "metadata" } };
    expect(await change("east", {})).toMatchObject(invalid);
    expect(await change("east", { metadata: { text: "x".repeat(70_000) } })).toMatchObject(invalid);
    expect(await change("east", { content: "x" })).toMatchObject({ status: 400, body: { path: "content" } });
    const documents = [{ id: "east", metadata: { n: 1 } }, { id: "far" }];
    const many = await call("POST", "/v1/documents/update", { collection: "refused", documents });
    expect(many).toMatchObject({ status: 400, body: { path: "documents[1].metadata" } });
    expect((await call("GET", "/v1/documents/east?collection=refused")).body.metadata).toEqual({ topic: "a" });
  });

  test("are changed together, and missing ones are listed", async () => {
    await fill("together");
    const documents = [
      { id: "none", metadata: { n: 1 } },
      { id: "far", metadata: { n: 1 } },
      { id: "east", uri: null },
    ];
    const { body } = await call("POST", "/v1/documents/update", { collection: "together", documents });
    expect(body).toEqual({ updated: 2, missing: ["none"] });
    const { body: page } = await call("GET", "/v1/documents?collection=together");
    const found = page.documents.map(({ id, metadata, uri }: Record<string, unknown>) => [id, metadata, uri]);
    expect(found).toEqual([
      ["east", { topic: "a" }, null],
      ["far", { topic: "a", n: 1 }, null],
      ["north", { topic: "b" }, null],
    ]);
  });

  test.each([
    ["ids", { ids: ["east", "none"] }, ["far", "north"]],
    ["filter", { filter: { topic: "a" } }, ["north"]],
    ["text", { where_document: { $contains: "kettle" } }, ["far"]],
    ["ids-and-filter", { ids: ["east", "north"], filter: { topic: "a" } }, ["far", "north"]],
    ["ids-and-text", { ids: ["east", "far"], where_document: { $contains: "kettle" } }, ["far", "north"]],
  ])("are deleted by %s", async (collection, what, left) => {
    await fill(collection);
    const { body } = await call("POST", "/v1/documents/delete", { collection, ...what });
    expect(body).toEqual({ deleted: 3 - left.length });
    expect(await listed(`?collection=${collection}`)).toEqual(left);
  });
});

test("the tests above cover every described operation and field", () => {
  expect(missing("documents")).toEqual([]);
});
