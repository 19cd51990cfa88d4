import { beforeAll, describe, expect, test } from "vitest";
import { base64Of, DIRECTIONS, idsOf, useRoutes } from "../../../test/support/routes.ts";

// The effect of each request field, as a caller sees it.

const { chat, call, fill, missing } = useRoutes();

describe("a search", () => {
  beforeAll(async () => {
    await fill("searched");
    await call("POST", "/v1/collections", { name: "empty", dimensions: 3 });
    const documents = DIRECTIONS.map(({ embedding, ...rest }) => rest);
    await call("POST", "/v1/collections", { name: "worded" });
    await call("POST", "/v1/documents", { collection: "worded", documents });
  });
  const ask = async (body: object) =>
    (await call("POST", "/v1/query", { collection: "searched", query_embedding: [1, 0, 0], ...body })).body;

  test.each([
    ["only the vector", {}, ["east", "north", "far"]],
    ["top_k", { top_k: 2 }, ["east", "north"]],
    ["filter", { filter: { topic: "b" } }, ["north"]],
    ["where_document", { where_document: { $contains: "spoon" } }, ["far"]],
    ["max_distance", { max_distance: 3 }, ["east", "north"]],
    ["collection", { collection: "empty" }, []],
    ["query", { collection: "worded", query: "whistles", query_embedding: undefined, top_k: 1 }, ["north"]],
    ["mode keyword", { mode: "keyword", query: "whistles", query_embedding: undefined }, ["north"]],
  ])("applies %s", async (_, fields, ids) => {
    const found = await ask(fields);
    expect(idsOf(found.hits)).toEqual(ids);
    expect(found).not.toHaveProperty("results");
  });

  test("accepts floats that are written as large integers", async () => {
    const large = JSON.rawJSON("1000000000000000000"); // as JavaScript serializes 1e18
    expect((await ask({ query_embedding: [large, 0, 0] })).hits).toHaveLength(3);
    expect(await ask({ max_distance: large })).toEqual(await ask({}));
    await call("POST", "/v1/collections", { name: "large", dimensions: 3 });
    const documents = [{ id: "large", content: null, embedding: [large, 0, 0] }];
    for (const path of ["/v1/documents", "/v1/documents/bulk"])
      expect((await call("POST", path, { collection: "large", documents })).status).toBeLessThan(300);
  });

  test("by a base64 vector equals the one by its numbers, and invalid base64 is refused", async () => {
    const { hits } = await ask({});
    expect(await ask({ query_embedding: base64Of([1, 0, 0]) })).toEqual({ hits });
    const queries = [{ query_embedding: base64Of([0, 1, 0]) }];
    expect(idsOf((await ask({ queries, query_embedding: undefined, top_k: 1 })).hits)).toEqual(["north"]);
    for (const query_embedding of [
      "",
      "AAA=",
      "AACAPw",
      "AACAPw==AACAPw==",
      "AA!APw==",
      "AAC Pw==",
      "A".repeat(85_340),
      1,
    ])
      expect(await ask({ query_embedding })).toMatchObject({
        status: 400,
        path: "query_embedding",
        detail: expect.stringContaining("little-endian 32-bit floats in base64"),
      });
    expect(await ask({ query_embedding: base64Of([1, 0]) })).toMatchObject({ code: "dimension_mismatch" });
    expect(await ask({ query_embedding: base64Of([1, 0, Number.NaN]) })).toMatchObject({
      code: "invalid_input",
      path: "query_embedding",
      detail: expect.stringContaining("not a finite number"),
    });
    expect(await ask({ query_embedding: [1, 0, "x"] })).toMatchObject({ path: "query_embedding[2]" });
  });

  test("returns vectors as the shortest decimals of their 32-bit floats, but only if it includes them", async () => {
    await call("POST", "/v1/collections", { name: "precise", dimensions: 3, metric: "l2" });
    const documents = [{ id: "a", content: "a kettle", embedding: [0.1, -1 / 3, 1e-7] }];
    await call("POST", "/v1/documents", { collection: "precise", documents });
    const { hits } = await ask({ collection: "precise", include: ["embedding", "content"] });
    expect(hits).toMatchObject([{ id: "a", content: "a kettle", embedding: [0.1, -0.33333334, 1e-7] }]);
    expect(hits[0]).not.toHaveProperty("metadata");
    const [hit] = (await ask({ collection: "precise" })).hits;
    expect(hit).toMatchObject({ content: "a kettle", metadata: {}, uri: null });
    expect(hit).not.toHaveProperty("embedding");
  });

  test("in mode hybrid returns the vector rank and keyword rank of a hit", async () => {
    const { hits } = await ask({ mode: "hybrid", query: "whistles" });
    const places = (hits as Record<string, unknown>[]).map((hit) => [hit.id, hit.vector_rank, hit.keyword_rank]);
    expect(places).toEqual([
      ["north", 2, 1],
      ["east", 1, null],
      ["far", 3, null],
    ]);
  });

  test("returns the fields of a hit that include names, and all without include", async () => {
    const [east] = (await ask({ top_k: 1 })).hits;
    const minimal = { id: "east", chunk: 0, distance: 0, score: 1 };
    const { content, metadata, uri } = DIRECTIONS[0] as (typeof DIRECTIONS)[0];
    expect(east).toEqual({ ...minimal, content, metadata, uri });
    const shown = async (include: readonly string[]) => (await ask({ top_k: 1, include })).hits[0];
    expect(await shown([])).toEqual(minimal);
    expect(await shown(["content"])).toEqual({ ...minimal, content });
    expect(await shown(["metadata", "uri"])).toEqual({ ...minimal, metadata, uri });
  });

  test("with several queries returns the results of each in order, and those of the first as hits", async () => {
    const queries = [{ query_embedding: [0, 1, 0] }, { query_embedding: [9, 9, 9] }];
    const found = await ask({ queries, query_embedding: undefined, top_k: 1 });
    expect(found.results.map(idsOf)).toEqual([["north"], ["far"]]);
    expect(found.hits).toEqual(found.results[0]);
    const textQueries = [{ query: "spoon" }, { query: "boils" }];
    const body = { collection: "worded", queries: textQueries, query_embedding: undefined, top_k: 1 };
    expect((await ask(body)).results.map(idsOf)).toEqual([["far"], ["east"]]);
  });

  test("by the tool applies its arguments", async () => {
    const run = async (body: object) => (await call("POST", "/v1/tools/search", body)).body;
    const found = await run({ query: "whistles", collection: "worded" });
    expect(idsOf(found.results)[0]).toBe("north");
    expect(found.notice).toContain("data to answer from");
    expect(idsOf((await run({ query: "kettle", collection: "worded", top_k: 1 })).results)).toHaveLength(1);
    const filter = { topic: "a" };
    expect(idsOf((await run({ query: "kettle", collection: "worded", filter })).results)).not.toContain("north");
    for (const { id, embedding } of DIRECTIONS) {
      const near = { query: "nothing of the kind", collection: "searched", query_embedding: embedding };
      expect(idsOf((await run(near)).results)[0]).toBe(id);
    }
    expect((await call("GET", "/v1/tools")).body.openai[0].function.name).toBe("search");
  });

  test("of a chat applies collection, filter and top_k", async () => {
    const ask = async (fields: object) => {
      const messages = [{ role: "user", content: "kettle" }];
      await call("POST", "/v1/chat", { messages, collection: "worded", ...fields });
      const received = chat.requests.at(-1)?.messages.at(-1)?.content as string;
      return (JSON.parse(received).passages as { readonly document: string }[]).map(({ document }) => document);
    };
    expect((await ask({})).sort()).toEqual(["east", "far", "north"]);
    expect(await ask({ top_k: 1 })).toHaveLength(1);
    expect(await ask({ filter: { topic: "b" } })).toEqual(["north"]);
  });

  test("groups by document on request, and the tool and a chat do so by default", async () => {
    const collection = "chapters";
    await call("POST", "/v1/collections", { name: collection });
    const content = Array.from({ length: 120 }, (_, n) => `kettle ${n}.`).join(" ");
    const documents = [
      { id: "long", content },
      { id: "short", content: "A kettle boils." },
    ];
    await call("POST", "/v1/documents", { collection, documents, max_tokens: 32, overlap: 0 });
    const { passages } = (await call("GET", `/v1/documents/long?collection=${collection}`)).body;
    expect(passages.length).toBeGreaterThan(5);
    const others = (found: readonly object[]) =>
      found.map((hit) => [(hit as { id: string }).id, (hit as { others?: number }).others]).sort();
    const grouped = (having = "") => [
      ["long", passages.filter(({ content }: { content: string }) => content.includes(having)).length - 1],
      ["short", 0],
    ];
    const shared = { collection, query: "kettle" };
    for (const mode of ["vector", "keyword", "hybrid"]) {
      const query = async (body: object) => (await call("POST", "/v1/query", { ...shared, mode, ...body })).body.hits;
      const word = mode === "keyword" ? "kettle" : "";
      expect(others(await query({ group_by: "document" }))).toEqual(grouped(word));
      expect((await query({ top_k: 100 })).length).toBeGreaterThan(5);
      expect(await query({ group_by: "passage", top_k: 100 })).toEqual(await query({ top_k: 100 }));
    }
    const run = async (body: object) => (await call("POST", "/v1/tools/search", { ...shared, ...body })).body.results;
    expect(others(await run({}))).toEqual(grouped());
    expect(await run({ group_by: "passage", top_k: 50 })).toHaveLength(passages.length + 1);
    const sentPassages = async (body: object) => {
      await call("POST", "/v1/chat", {
        messages: [{ role: "user", content: "kettle" }],
        collection,
        ...body,
      });
      return JSON.parse(chat.requests.at(-1)?.messages.at(-1)?.content as string).passages;
    };
    expect(await sentPassages({})).toHaveLength(2);
    expect((await sentPassages({ group_by: "passage" })).length).toBeGreaterThan(2);
    const part = await call("GET", `/v1/documents/long?collection=${collection}&first_passage=2&passages=3`);
    expect(part.body.passages).toEqual(passages.slice(2, 5));
  });
});

test("the chat model of the service is named", async () => {
  expect((await call("GET", "/v1/chat")).body).toEqual({ model: "scripted" });
});

test("the tests above cover every described operation and field", () => {
  expect(missing("query")).toEqual([]);
});
