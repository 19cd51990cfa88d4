import { describe, expect, test } from "vitest";
import { useRoutes } from "../../../test/support/routes.ts";

// The effect of each request field, as a caller sees it.

const { call, listed, fill, missing } = useRoutes();

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
    for (const key of ["handbook", body.id]) expect((await call("GET", `/v1/collections/${key}`)).body).toEqual(body);
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
    const rename = (body: object) => call("PATCH", "/v1/collections/named", { embedding_model: "local/b", ...body });
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

test("the tests above cover every described operation and field", () => {
  expect(missing("collections")).toEqual([]);
});
