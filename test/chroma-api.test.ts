import { beforeAll, describe, expect, inject, test } from "vitest";
import { useTestApi } from "./support/api.ts";
import { type ChromaPeer, cairnPeer, chromaOptions, chromaPeer } from "./support/chroma-api.ts";
import { useTestDatabase } from "./support/fixture.ts";

// A tenant's key through Chroma's API. What Chroma itself answers is compared in chroma-conformance.test.ts.

const testDatabase = useTestDatabase();
const api = useTestApi(testDatabase, () => chromaOptions());
const BASE = "/api/v2/tenants/default_tenant/databases/default_database";
let peer: ChromaPeer;
let tenant: { readonly id: string; readonly key: string };

beforeAll(async () => {
  tenant = await api.addTenant("chroma-user");
  peer = cairnPeer(api, tenant.key);
});

async function send(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>) {
  const response = await peer.request(method, path, body, headers);
  return { ...response, body: response.text === "" ? undefined : JSON.parse(response.text) };
}

async function create(name: string, more: object = {}): Promise<string> {
  const { body } = await send("POST", `${BASE}/collections`, { name, ...more });
  return `${BASE}/collections/${body.id}`;
}

describe("records", () => {
  test("are returned in insertion order, which an upsert keeps and a delete does not", async () => {
    const collection = await create("order");
    const embeddings = [
      [1, 0],
      [0, 1],
      [1, 1],
    ];
    await send("POST", `${collection}/add`, { ids: ["c", "a", "b"], embeddings });
    await send("POST", `${collection}/upsert`, {
      ids: ["a", "c"],
      embeddings: [
        [2, 2],
        [3, 3],
      ],
    });
    expect((await send("POST", `${collection}/get`, {})).body.ids).toEqual(["c", "a", "b"]);
    await send("POST", `${collection}/delete`, { ids: ["c"] });
    await send("POST", `${collection}/add`, { ids: ["c"], embeddings: [[1, 0]] });
    expect((await send("POST", `${collection}/get`, { ids: ["c", "b", "a"] })).body.ids).toEqual(["a", "b", "c"]);
    expect((await send("POST", `${collection}/get`, { limit: 1, offset: 1 })).body.ids).toEqual(["b"]);
  });

  test("keep large integers and the difference between 1 and 1.0", async () => {
    const collection = await create("numbers");
    const body = '{"ids":["x"],"embeddings":[[1,2]],"metadatas":[{"n":9007199254740993,"d":1.0,"e":1e3,"i":1}]}';
    await peer.request("POST", `${collection}/add`, body);
    const { text } = await peer.request("POST", `${collection}/get`, { include: ["metadatas"] });
    for (const part of ['"n": 9007199254740993', '"d": 1.0', '"e": 1000.0', '"i": 1']) expect(text).toContain(part);
    const { text: hits } = await peer.request("POST", `${collection}/query`, { query_embeddings: [[1, 2]] });
    for (const part of ['"n":9007199254740993', '"d":1.0', '"e":1000.0', '"i":1']) expect(hits).toContain(part);
  });

  test("that /v1 has written are records, and records are documents of /v1", async () => {
    const collection = await create("shared", { configuration: { hnsw: { space: "cosine" } } });
    await send("POST", `${collection}/add`, {
      ids: ["r"],
      embeddings: [[1, 0]],
      documents: ["a record"],
      metadatas: [{ n: 1 }],
    });
    const { body: document } = await api.call("GET", "/v1/documents/r?collection=shared", { key: tenant.key });
    expect(document).toMatchObject({
      id: "r",
      metadata: { n: 1 },
      passages: [{ content: "a record", embedded: true }],
    });
    const documents = [{ id: "d", content: "a document", embedding: [0, 1], metadata: { n: 2 } }];
    await api.call("POST", "/v1/documents", { key: tenant.key, body: { collection: "shared", documents } });
    const { body } = await send("POST", `${collection}/get`, { include: ["documents", "metadatas", "embeddings"] });
    expect(body).toMatchObject({
      ids: ["r", "d"],
      documents: ["a record", "a document"],
      metadatas: [{ n: 1 }, { n: 2 }],
      embeddings: [
        [1, 0],
        [0, 1],
      ],
    });
  });

  test("of a document that /v1 has split are one record with its complete text", async () => {
    await api.call("POST", "/v1/collections", { key: tenant.key, body: { name: "split" } });
    const content = Array.from({ length: 400 }, (_, n) => `Sentence number ${n} tells something about returns.`).join(
      " ",
    );
    await api.call("POST", "/v1/documents", {
      key: tenant.key,
      body: { collection: "split", documents: [{ id: "long", content }] },
    });
    const { body: found } = await send("GET", `${BASE}/collections/split`);
    const collection = `${BASE}/collections/${found.id}`;
    const { body } = await send("POST", `${collection}/get`, { include: ["documents"] });
    expect(body.documents).toEqual([content]);
    const vector = Array.from({ length: found.dimension }, (_, n) => (n === 0 ? 1 : 0.01));
    const { body: hits } = await send("POST", `${collection}/query`, { query_embeddings: [vector], n_results: 5 });
    expect(hits.ids).toEqual([["long"]]);
    await send("POST", `${collection}/update`, { ids: ["long"], metadatas: [{ topic: "returns" }] });
    const { body: document } = await api.call("GET", "/v1/documents/long?collection=split", { key: tenant.key });
    expect(document.metadata).toEqual({ topic: "returns" });
    expect(document.passages.length).toBeGreaterThan(1);
    expect((await send("GET", `${collection}/count`)).body).toBe(1);
  });
});

describe("a key", () => {
  test.each([
    ["X-Chroma-Token", (key: string) => key],
    ["X-Chroma-Token", (key: string) => `Bearer ${key}`],
    ["Authorization", (key: string) => `Bearer ${key}`],
    ["Authorization", (key: string) => `Basic ${Buffer.from(`user:${key}`).toString("base64")}`],
  ])("is accepted in %s", async (header, format) => {
    const response = await api.app.request(`${BASE}/collections`, { headers: { [header]: format(tenant.key) } });
    expect(response.status).toBe(200);
  });

  test("is required, except for the routes without data", async () => {
    for (const path of ["/api/v2/heartbeat", "/api/v2/version", "/api/v2/pre-flight-checks", "/api/v2"])
      expect((await api.app.request(path)).status).toBe(200);
    const response = await api.app.request(`${BASE}/collections`);
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({
      error: "ChromaError",
      message: expect.stringContaining("Permission denied."),
    });
  });

  test("sees its tenant under default_tenant and its own name, and no other", async () => {
    const { body } = await send("GET", "/api/v2/auth/identity");
    expect(body).toEqual({ user_id: "", tenant: "chroma-user", databases: ["default_database"] });
    for (const name of ["default_tenant", "chroma-user", tenant.id]) {
      expect((await send("GET", `/api/v2/tenants/${name}`)).status).toBe(200);
      expect((await send("GET", `/api/v2/tenants/${name}/databases/default_database/collections_count`)).status).toBe(
        200,
      );
    }
    const other = await api.addTenant("other-user");
    for (const name of ["other-user", other.id, "nobody"])
      expect(await send("GET", `/api/v2/tenants/${name}`)).toMatchObject({
        status: 404,
        body: { error: "NotFoundError", message: `Tenant [${name}] not found` },
      });
  });

  test("of another tenant gets 404 for a collection, as for a missing one", async () => {
    const collection = await create("private");
    const other = cairnPeer(api, (await api.addTenant()).key);
    const missing = `${BASE}/collections/00000000-0000-4000-8000-000000000000`;
    for (const [method, route, body] of [
      ["POST", "add", { ids: ["x"], embeddings: [[1]] }],
      ["POST", "upsert", { ids: ["x"], embeddings: [[1]] }],
      ["POST", "update", { ids: ["x"], documents: ["x"] }],
      ["POST", "get", {}],
      ["POST", "query", { query_embeddings: [[1]] }],
      ["POST", "search", { searches: [{}] }],
      ["POST", "delete", { ids: ["x"] }],
      ["GET", "count", undefined],
      ["POST", "fork", { new_name: "forked" }],
      ["GET", "fork_count", undefined],
      ["GET", "indexing_status", undefined],
    ] as const) {
      const foreign = await other.request(method, `${collection}/${route}`, body);
      const none = await other.request(method, `${missing}/${route}`, body);
      expect(foreign.status, route).toBe(404);
      expect(foreign.text.replaceAll(/[0-9a-f-]{36}/g, "")).toBe(none.text.replaceAll(/[0-9a-f-]{36}/g, ""));
    }
  });

  test("with the scope read cannot write", async () => {
    const collection = await create("guarded");
    const { body } = await api.call("POST", "/v1/keys", { key: tenant.key, body: { scopes: ["read"] } });
    const reader = cairnPeer(api, body.secret);
    expect((await reader.request("POST", `${collection}/get`, {})).status).toBe(200);
    for (const [method, path, content] of [
      ["POST", `${collection}/add`, { ids: ["x"], embeddings: [[1]] }],
      ["POST", `${collection}/delete`, { ids: ["x"] }],
      ["POST", `${BASE}/collections`, { name: "another" }],
      ["DELETE", `${BASE}/collections/guarded`, undefined],
      ["PUT", collection, { new_name: "renamed" }],
      ["POST", "/api/v2/reset", undefined],
    ] as const)
      expect((await reader.request(method, path, content)).status, path).toBe(403);
  });
});

describe("search", () => {
  test("ranks by a search, by ranks fused as in RRF, and without a rank", async () => {
    const collection = await create("search");
    const embeddings = [
      [1, 0],
      [0, 1],
      [1, 1],
    ];
    await send("POST", `${collection}/add`, {
      ids: ["x", "y", "xy"],
      embeddings,
      documents: ["X", "Y", "XY"],
      metadatas: [{ n: 1 }, { n: 2 }, { n: 3, m: "k" }],
    });
    const knn = (query: number[], more: object = {}) => ({ $knn: { query, key: "#embedding", limit: 10, ...more } });
    const rrf = {
      $sum: [
        [1, 0],
        [1, 1],
      ].map((query) => ({
        $div: { left: { $val: -1 }, right: { $sum: [{ $val: 60 }, knn(query, { return_rank: true })] } },
      })),
    };
    const { status, body } = await send("POST", `${collection}/search`, {
      searches: [
        { rank: knn([1, 0]), limit: { limit: 2 }, select: { keys: ["#document", "#score", "m"] } },
        { rank: rrf, select: { keys: ["#score"] } },
        { filter: { n: { $gte: 2 } }, limit: { limit: 1, offset: 1 }, select: { keys: ["#metadata"] } },
      ],
    });
    expect(status).toBe(200);
    expect(body.ids[0]).toEqual(["x", "xy"]);
    expect(body.documents).toEqual([["X", "XY"], null, null]);
    expect(body.scores[0]).toEqual([0, 1]);
    expect(body.metadatas).toEqual([[{}, { m: "k" }], null, [{ n: 3, m: "k" }]]);
    expect(body.ids[2]).toEqual(["xy"]);
    expect(new Set(body.ids[1].slice(0, 2))).toEqual(new Set(["x", "xy"]));
  });
});

test("reset is refused unless the operator allows it", async () => {
  const other = await api.addTenant();
  const peerOf = (allowReset: boolean) => chromaOptions({ allowReset });
  expect(peerOf(false).protocols[0]?.path).toBe("/api/v2");
  const allowed = cairnPeer(api, other.key);
  await allowed.request("POST", `${BASE}/collections`, { name: "gone" });
  expect((await allowed.request("POST", "/api/v2/reset")).text).toBe("true");
  expect((await allowed.request("GET", `${BASE}/collections_count`)).text).toBe("0");
});

test("a real Chroma server is running for the comparison", async () => {
  expect((await chromaPeer(inject("chromaUrl")).request("GET", "/api/v2/version")).text).toBe('"1.0.0"');
});
