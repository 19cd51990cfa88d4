import { beforeAll, describe, expect, test } from "vitest";
import { useRoutes } from "../../../test/support/routes.ts";

const { api, call, fill, missing, tenant } = useRoutes();

describe("the metadata keys of a collection", () => {
  beforeAll(async () => {
    await call("POST", "/v1/collections", { name: "kettles", dimensions: 3 });
    const documents = [
      { topic: "returns", price: 20, tags: ["steel", "red"], draft: true },
      { topic: "returns", price: 9.5, tags: ["steel"] },
      { topic: "prices", price: JSON.rawJSON("12345678901234567890"), maker: { name: "Oslo" } },
      { topic: "half \ud800 pair", note: "x".repeat(300), gone: null },
    ];
    const body = documents.map((metadata, n) => ({ id: `k${n}`, content: null, embedding: [n, 1, 0], metadata }));
    await call("POST", "/v1/documents", { collection: "kettles", documents: body });
  });
  const keysOf = async (query = "") => (await call("GET", `/v1/collections/kettles/metadata${query}`)).body;

  test("come with their types and frequent values, the most frequent first", async () => {
    const { sampled, keys } = await keysOf();
    expect(sampled).toBe(4);
    expect(keys.map(({ key, documents }: { key: string; documents: number }) => [key, documents])).toEqual([
      ["topic", 4],
      ["price", 3],
      ["tags", 2],
      ["draft", 1],
      ["gone", 1],
      ["maker", 1],
      ["note", 1],
    ]);
    expect(keys[0].values[0]).toEqual({ value: "returns", count: 2 });
    expect(keys[0].values.map(({ value }: { value: string }) => value)).toContain("half \ud800 pair");
    expect(keys[1]).toMatchObject({ types: ["number"], minimum: 9.5 });
    expect(keys[2]).toMatchObject({ types: ["array"], values: [{ value: "steel", count: 2 }, { value: "red" }] });
    expect(keys[3].values).toEqual([{ value: true, count: 1 }]);
    expect(keys[5]).toMatchObject({ types: ["object"], values: [], minimum: null });
    expect(keys[6].values).toEqual([]);
  });

  test("an integer beyond 2^53 keeps its digits", async () => {
    const { key } = tenant;
    const { text } = await api.call("GET", "/v1/collections/kettles/metadata", { key });
    expect(text).toContain('"maximum":12345678901234567890');
  });

  test("values limits the values of a key", async () => {
    expect((await keysOf("?values=1")).keys[0].values).toEqual([{ value: "returns", count: 2 }]);
    expect(await keysOf("?values=101")).toMatchObject({ status: 400, path: "values" });
  });

  test("are those of the newest 1,000 documents, without metadata above 8 kB", async () => {
    await call("POST", "/v1/collections", { name: "many", dimensions: 3 });
    const old = { id: "old", content: null, embedding: [1, 0, 0], metadata: { old: true } };
    await call("POST", "/v1/documents", { collection: "many", documents: [old] });
    const large = Object.fromEntries([...Array(900).keys()].map((n) => [`large ${n} ${Math.random()}`, Math.random()]));
    const documents = [...Array(1_000).keys()].map((n) => ({
      id: `new ${n}`,
      content: null,
      embedding: [1, n, 0],
      metadata: n === 0 ? large : { n },
    }));
    await call("POST", "/v1/documents", { collection: "many", documents });
    const { body } = await call("GET", "/v1/collections/many/metadata");
    expect(body.sampled).toBe(1_000);
    expect(body.keys).toHaveLength(1);
    expect(body.keys[0]).toMatchObject({ key: "n", documents: 999, minimum: 1, maximum: 999 });
  });

  test("an empty collection has none", async () => {
    await call("POST", "/v1/collections", { name: "nothing", dimensions: 3 });
    expect((await call("GET", "/v1/collections/nothing/metadata")).body).toEqual({ sampled: 0, keys: [] });
  });
});

describe("an explained search", () => {
  beforeAll(() => fill("explained"));
  const explain = async (body: object) =>
    (await call("POST", "/v1/query/explain", { collection: "explained", ...body })).body;

  test("says what it does for each list, with the statements, without the vector and the estimates", async () => {
    const { summary, steps } = await explain({ query: "kettle", query_embedding: [0.123456, 0, 0], mode: "hybrid" });
    expect(summary[0]).toContain("Vector search: exact, compares all 3 rows.");
    expect(summary[1]).toContain("Keyword search (english): exact");
    expect(steps.map(({ list }: { list: string }) => list)).toEqual(["vector", "keyword"]);
    for (const { sql, plan } of steps) {
      expect(sql).toContain("cairn.documents");
      expect(plan.join("\n")).not.toMatch(/cost=|rows=/);
      expect(plan.length).toBeGreaterThan(1);
    }
    expect(JSON.stringify(steps)).not.toContain("0.123456");
  });

  test.each([
    ["no query", {}, "query"],
    ["several queries", { queries: [{ query: "kettle" }] }, "queries"],
    ["a wrong filter", { query: "kettle", mode: "keyword", filter: { $near: 1 } }, undefined],
  ])("is refused with %s", async (_, body, path) => {
    expect(await explain(body)).toMatchObject({ status: 400, ...(path ? { path } : { code: "invalid_filter" }) });
  });

  test("applies the filter and groups", async () => {
    const grouped = await explain({
      query_embedding: [1, 0, 0],
      group_by: "document",
      filter: { topic: "a" },
      top_k: 2,
    });
    expect(grouped.summary.at(-1)).toContain("grouped by document");
    expect(grouped.steps[0].sql).toContain("metadata");
    const narrow = await explain({
      query_embedding: [1, 0, 0],
      where_document: { $contains: "kettle" },
      max_distance: 3,
    });
    expect(narrow.steps[0].sql).toContain("content");
  });
});

test("the tests above cover every described operation and field", () => {
  expect(missing("explore")).toEqual([]);
});
