import { createChatModel } from "@cairn/core/assistant/chat-model.ts";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { useTestApi } from "../../test/support/api.ts";
import { startChatApi } from "../../test/support/chat-api.ts";
import { startEmbeddingApi } from "../../test/support/embedding-api.ts";
import { type FieldRecorder, recordFields } from "../../test/support/field-recorder.ts";
import { useServer, useTestDatabase } from "../../test/support/fixture.ts";

// The effect of each request field, as a caller sees it.

const testDatabase = useTestDatabase();
const embeddings = useServer(startEmbeddingApi);
const chat = useServer(startChatApi);
const api = useTestApi(testDatabase, () => ({
  embedding: { openai: { apiKey: "k", baseUrl: embeddings.url }, defaultModel: "offline/words" },
  chatModel: createChatModel({ model: "scripted", apiKey: "k", baseUrl: chat.url }),
  credentialCacheMs: 1,
}));
let recorder: FieldRecorder;
let tenant: { readonly id: string; readonly key: string };
beforeAll(async () => {
  recorder = await recordFields(api);
  tenant = await api.addTenant("the tenant");
});

const call = (method: string, path: string, body?: object, key = tenant.key) =>
  recorder.call(method, path, { key, body });

/** Sends a request as the operator. */
const operate = (method: string, path: string, body?: object) => call(method, path, body, api.operator);

type Identified = { readonly id: string };
const idsOf = (documents: readonly Identified[]) => documents.map(({ id }) => id);
const listed = async (query: string) => idsOf((await call("GET", `/v1/documents${query}`)).body.documents);

const DIRECTIONS = [
  {
    id: "east",
    content: "the kettle boils",
    embedding: [1, 0, 0],
    metadata: { topic: "a" },
    uri: "x://east",
  },
  { id: "far", content: "a spoon", embedding: [9, 9, 9], metadata: { topic: "a" } },
  { id: "north", content: "the kettle whistles", embedding: [0, 1, 0], metadata: { topic: "b" } },
];

const base64Of = (vector: readonly number[]) =>
  Buffer.from(Float32Array.from(vector).buffer).toString("base64");

/** Creates a collection with three vectors. */
async function fill(collection: string): Promise<void> {
  await call("POST", "/v1/collections", { name: collection, dimensions: 3, metric: "l2" });
  const written = await call("POST", "/v1/documents", { collection, documents: DIRECTIONS });
  expect(written.body).toEqual({ collection, ids: ["east", "far", "north"], passages: 3, failed: [] });
}

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

  test("in mode hybrid returns the vector rank and keyword rank of a hit", async () => {
    const { hits } = await ask({ mode: "hybrid", query: "whistles" });
    const places = (hits as Record<string, unknown>[]).map((hit) => [
      hit.id,
      hit.vector_rank,
      hit.keyword_rank,
    ]);
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
    expect(idsOf((await run({ query: "kettle", collection: "worded", filter })).results)).not.toContain(
      "north",
    );
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
      return (JSON.parse(received).passages as { readonly document: string }[]).map(
        ({ document }) => document,
      );
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
      const query = async (body: object) =>
        (await call("POST", "/v1/query", { ...shared, mode, ...body })).body.hits;
      const word = mode === "keyword" ? "kettle" : "";
      expect(others(await query({ group_by: "document" }))).toEqual(grouped(word));
      expect((await query({ top_k: 100 })).length).toBeGreaterThan(5);
      expect(await query({ group_by: "passage", top_k: 100 })).toEqual(await query({ top_k: 100 }));
    }
    const run = async (body: object) =>
      (await call("POST", "/v1/tools/search", { ...shared, ...body })).body.results;
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

describe("a collection", () => {
  const SETTINGS = {
    name: "handbook",
    embedding_model: "offline/words",
    dimensions: 5,
    metric: "ip",
    metadata: { owner: "support" },
    language: "german",
    index: { threshold: 77, m: 20, ef_construction: 99, ef_search: 55 },
    chunking: { max_tokens: 200, overlap: 50 },
  };

  test("has the requested settings, and is found by name, by id and in the list", async () => {
    const { status, body } = await call("POST", "/v1/collections", SETTINGS);
    expect(status).toBe(201);
    expect(body).toMatchObject(SETTINGS);
    for (const key of ["handbook", body.id])
      expect((await call("GET", `/v1/collections/${key}`)).body).toEqual(body);
    expect((await call("GET", "/v1/collections")).body.collections).toContainEqual(body);
    const { body: defaults } = await call("POST", "/v1/collections", { name: "standard" });
    expect(defaults).toMatchObject({ embedding_model: "offline/words", dimensions: 1536, metric: "cosine" });
    expect(defaults.chunking).toEqual({ max_tokens: 800, overlap: 400 });
  });

  test("is listed in pages", async () => {
    const names = async (query: string) => {
      const { body } = await call("GET", `/v1/collections${query}`);
      return { names: body.collections.map(({ name }: { name: string }) => name), next: body.next };
    };
    const all = await names("");
    const [first, second] = all.names;
    expect(all.next).toBeNull();
    expect(await names("?limit=1")).toEqual({ names: [first], next: first });
    expect((await names(`?limit=1&after=${encodeURIComponent(first)}`)).names).toEqual([second]);
  });

  test("changes only the named settings", async () => {
    const changes = {
      name: "manual",
      metadata: { owner: "sales" },
      language: "french",
      index: { type: "ivfflat", precision: "halfvec", lists: 9, probes: 3 },
      chunking: { max_tokens: 64, overlap: 0 },
    };
    await call("POST", "/v1/collections", { ...SETTINGS, name: "changing", embedding_model: null });
    const model = { embedding_model: "offline/words" };
    expect((await call("PATCH", "/v1/collections/changing", model)).body).toMatchObject({
      ...SETTINGS,
      name: "changing",
    });
    const { status, body } = await call("PATCH", "/v1/collections/changing", changes);
    expect(status).toBe(200);
    expect(body).toMatchObject({ ...SETTINGS, ...changes });
    expect(body.index).toEqual(changes.index); // replaces all previous index settings
    expect((await call("GET", "/v1/collections/manual")).body).toEqual(body);
    expect((await call("GET", "/v1/collections/changing")).status).toBe(404);
  });

  test("with vectors gets another model only with confirm_model", async () => {
    await fill("named");
    const rename = (body: object) =>
      call("PATCH", "/v1/collections/named", { embedding_model: "local/b", ...body });
    for (const unconfirmed of [{}, { confirm_model: false }]) {
      const { status, body } = await rename(unconfirmed);
      expect({ status, body }).toMatchObject({
        status: 400,
        body: {
          code: "invalid_input",
          path: "confirm_model",
          detail: expect.stringContaining("has vectors"),
        },
      });
    }
    expect(await rename({ confirm_model: true })).toMatchObject({
      status: 200,
      body: { embedding_model: "local/b" },
    });
  });

  test("is deleted with its documents, and other collections are not", async () => {
    await fill("doomed");
    await fill("spared");
    expect((await call("DELETE", "/v1/collections/doomed")).status).toBe(204);
    expect((await call("GET", "/v1/documents?collection=doomed")).status).toBe(404);
    expect(await listed("?collection=spared")).toHaveLength(3);
    await call("POST", "/v1/collections", { name: "doomed" });
    expect(await listed("?collection=doomed")).toEqual([]);
  });

  test("appears in the statistics", async () => {
    await fill("counted");
    const { collections } = (await call("GET", "/v1/stats")).body;
    expect(collections).toContainEqual(
      expect.objectContaining({
        collection: "counted",
        dimensions: 3,
        metric: "l2",
        documents: 3,
        passages: 3,
        vectors: 3,
        tail: 3,
        indexes: [],
        due: { action: "none" },
      }),
    );
  });
});

describe("a job", () => {
  const waitForEnd = (id: string) =>
    vi.waitFor(
      async () => {
        const { body } = await call("GET", `/v1/jobs/${id}`);
        expect(body.status).not.toBe("in_progress");
        return body;
      },
      { timeout: 30_000, interval: 50 },
    );

  test("writes documents into the named collection with the requested chunking, and is watched and listed", async () => {
    await call("POST", "/v1/collections", { name: "bulk" });
    const content = Array.from({ length: 200 }, (_, n) => `word${n}`).join(" ");
    const documents = [{ id: "long", content, metadata: { topic: "long" } }, { content: "without an id" }];
    const write = async (sizes: object) => {
      const accepted = await call("POST", "/v1/documents/bulk", { collection: "bulk", documents, ...sizes });
      expect(accepted.status).toBe(202);
      return waitForEnd(accepted.body.id);
    };
    const withoutOverlap = await write({ max_tokens: 32, overlap: 0 });
    expect(withoutOverlap).toMatchObject({
      status: "completed",
      result: { collection: "bulk", documents: 2 },
    });
    const overlapping = await write({ max_tokens: 32, overlap: 16 });
    expect(overlapping.result.passages).toBeGreaterThan(withoutOverlap.result.passages * 1.5);
    const { body } = await call("GET", "/v1/documents/long?collection=bulk");
    expect([body.metadata, body.passages.length]).toEqual([
      { topic: "long" },
      overlapping.result.passages - 1,
    ]);
    expect((await call("GET", `/v1/jobs/${withoutOverlap.id}/events`)).text).toContain(
      '"status":"completed"',
    );
    expect(idsOf((await call("GET", "/v1/jobs?limit=1")).body.jobs)).toEqual([overlapping.id]);
    expect((await call("POST", `/v1/jobs/${withoutOverlap.id}/cancel`)).body).toEqual(withoutOverlap); // the job has ended
  });

  test("indexes one collection, or embeds it again with the named model", async () => {
    for (const name of ["grown", "left"]) {
      await call("POST", "/v1/collections", { name, index: { threshold: 2 } });
      await call("POST", "/v1/documents", {
        collection: name,
        documents: [{ content: "a" }, { content: "b" }],
      });
    }
    const reindex = async (body: object) => waitForEnd((await call("POST", "/v1/reindex", body)).body.id);
    const { result } = await reindex({ collection: "grown" });
    expect(new Set(result.done.map(({ collection }: Record<string, string>) => collection))).toEqual(
      new Set(["grown"]),
    );
    const model = "openai/text-embedding-3-small";
    const changed = await reindex({ collection: "left", model });
    expect(changed.result).toMatchObject({ collection: "left", passages: 2 });
    expect((await call("GET", "/v1/collections/left")).body).toMatchObject({ embedding_model: model });
  });
});

describe("a tenant", () => {
  const statusOf = async (key: string) => (await api.call("GET", "/v1/collections", { key })).status;
  const eventually = (check: () => Promise<void>) => vi.waitFor(check, 5_000); // a key is cached for a millisecond

  test("has the requested name and id, and is found by both", async () => {
    const input = { name: "acme", id: "aaaaaaaa-1111-4222-8333-444444444444" };
    const { status, body } = await operate("POST", "/v1/tenants", input);
    expect(status).toBe(201);
    expect(body).toMatchObject({ ...input, limits: {}, disabled_at: null });
    for (const key of [input.name, input.id])
      expect((await operate("GET", `/v1/tenants/${key}`)).body).toEqual(body);
    expect((await operate("GET", "/v1/tenants")).body.tenants).toContainEqual(body);
  });

  test("is renamed, limited, disabled and enabled", async () => {
    const { id, key } = await api.addTenant("to change");
    const change = async (changes: object) => (await operate("PATCH", `/v1/tenants/${id}`, changes)).body;
    expect(await change({ name: "changed" })).toMatchObject({ id, name: "changed" });
    const limits = { requests_per_minute: 1234, embedding_tokens_per_day: 5678 };
    expect(await change({ limits })).toMatchObject({ name: "changed", limits });
    await eventually(async () => {
      const { headers } = await api.call("GET", "/v1/collections", { key });
      expect(headers.get("RateLimit-Limit")).toBe("1234");
    });
    expect(await change({ disabled: true })).toMatchObject({ disabled_at: expect.any(String), limits });
    await eventually(async () => expect(await statusOf(key)).toBe(401));
    expect(await change({ disabled: false })).toMatchObject({ disabled_at: null });
    await eventually(async () => expect(await statusOf(key)).toBe(200));
  });

  test("is deleted with its keys and data, and other tenants are not", async () => {
    const { id, key } = await api.addTenant("to delete");
    await call("POST", "/v1/documents", { documents: [{ id: "gone", content: "gone" }] }, key);
    expect((await operate("DELETE", "/v1/tenants/to%20delete")).status).toBe(204);
    expect((await operate("GET", `/v1/tenants/${id}`)).status).toBe(404);
    await eventually(async () => expect(await statusOf(key)).toBe(401));
    expect(await statusOf(tenant.key)).toBe(200);
    await operate("POST", "/v1/tenants", { id });
    const { secret } = (await operate("POST", `/v1/tenants/${id}/keys`, {})).body;
    expect((await call("GET", "/v1/collections", undefined, secret)).body.collections).toEqual([]);
  });

  test("gets keys from the operator, who creates, lists and revokes them", async () => {
    const { id } = await api.addTenant("given keys");
    const input = { name: "web shop", scopes: ["read"], expires_at: "2100-01-01T00:00:00.000Z" };
    const created = await operate("POST", "/v1/tenants/given%20keys/keys", input);
    expect(created.status).toBe(201);
    expect(created.body.key).toMatchObject({ ...input, revoked_at: null });
    expect(await statusOf(created.body.secret)).toBe(200);
    const keys = async () => (await operate("GET", `/v1/tenants/${id}/keys`)).body.keys;
    expect(idsOf(await keys())).toEqual([expect.any(String), created.body.key.id]);
    const revoked = await operate("DELETE", `/v1/tenants/${id}/keys/${created.body.key.id}`);
    expect(revoked.body).toMatchObject({ id: created.body.key.id, revoked_at: expect.any(String) });
    await eventually(async () => expect(await statusOf(created.body.secret)).toBe(401));
    expect((await keys())[1]).toEqual(revoked.body);
  });

  test("creates, rotates and revokes its own keys", async () => {
    const { key } = await api.addTenant();
    const input = { name: "shop", scopes: ["read", "write"], expires_at: "2100-01-01T00:00:00.000Z" };
    const { body: first } = await call("POST", "/v1/keys", input, key);
    expect(first.key).toMatchObject(input);
    const rotate = async (id: string, grace: number) =>
      (await call("POST", `/v1/keys/${id}/rotate`, { grace_seconds: grace }, key)).body;
    const second = await rotate(first.key.id, 1_000);
    expect(second.key).toMatchObject(input);
    expect([await statusOf(first.secret), await statusOf(second.secret)]).toEqual([200, 200]);
    const third = await rotate(second.key.id, 0);
    await eventually(async () => expect(await statusOf(second.secret)).toBe(401));
    expect([await statusOf(first.secret), await statusOf(third.secret)]).toEqual([200, 200]);
    const revoked = await call("DELETE", `/v1/keys/${third.key.id}`, undefined, key);
    expect(revoked.body).toMatchObject({ id: third.key.id, revoked_at: expect.any(String) });
    await eventually(async () => expect(await statusOf(third.secret)).toBe(401));
    const { keys } = (await call("GET", "/v1/keys", undefined, key)).body;
    expect(idsOf(keys).slice(1)).toEqual([first, second, third].map((created) => created.key.id));
  });
});

test("the process and its database answer", async () => {
  for (const path of ["/health", "/ready"]) expect((await call("GET", path)).body).toEqual({ status: "ok" });
});

/** Operations and fields that another test file covers. */
const ELSEWHERE = {
  "chat stream": "chat-stream.test.ts",
  getMigrationReport: "jobs.test.ts",
  listMigrations: "jobs.test.ts",
  startMigration: "jobs.test.ts",
};

test("the tests above cover every described operation and field", () => {
  expect(recorder.missing().sort()).toEqual(Object.keys(ELSEWHERE));
});
