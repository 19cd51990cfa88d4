import { describe, expect, test } from "vitest";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { countDocuments } from "../document/count.ts";
import { ingest } from "../document/ingest.ts";
import { collectionStats } from "../maintenance/stats.ts";
import { createTenant } from "../tenant/tenant.ts";
import { changeCollection, deleteCollection } from "./change.ts";
import { createCollection, ensureCollection } from "./create.ts";
import { getCollection, listCollections } from "./get.ts";

const own = useTestDatabase();
const tenantId = useTenant(own);

const MISSING = "00000000-1111-2222-3333-444444444444";

test("a collection is named knowledge, uses cosine and has its model's dimensions by default", async () => {
  const made = await createCollection(own.database, tenantId, {
    embeddingModel: "openai/text-embedding-3-large",
  });
  expect(made).toMatchObject({
    name: "knowledge",
    metric: "cosine",
    dimensions: 3072,
    metadata: {},
    tenantId,
  });
  expect(await getCollection(own.database, tenantId)).toEqual(made);
  expect(await getCollection(own.database, tenantId, made.id)).toEqual(made);
  await deleteCollection(own.database, tenantId, made.id);
});

test("collection metadata is returned as written: bigints, NUL, nested values", async () => {
  const metadata = { big: 2n ** 60n, "k\0": ["v\0", "\uD800"], nested: { a: null } };
  await createCollection(own.database, tenantId, { name: "meta", embeddingModel: null, metadata });
  expect((await getCollection(own.database, tenantId, "meta")).metadata).toEqual(metadata);
  const changed = await changeCollection(own.database, tenantId, "meta", { metadata: { "\0": 1n << 64n } });
  expect(changed.metadata).toEqual({ "\0": 1n << 64n });
});

test("creating or renaming to a taken name is refused; ensureCollection() returns the existing collection", async () => {
  const made = await createCollection(own.database, tenantId, {
    name: "one",
    embeddingModel: null,
    metric: "ip",
  });
  await createCollection(own.database, tenantId, { name: "two", embeddingModel: null });
  await expect(createCollection(own.database, tenantId, { name: "one", embeddingModel: null })).rejects.toMatchObject({
    code: "already_exists",
  });
  await expect(changeCollection(own.database, tenantId, "two", { name: "one" })).rejects.toMatchObject({
    code: "already_exists",
  });
  const ensured = await Promise.all(
    Array.from({ length: 5 }, () => ensureCollection(own.database, tenantId, { name: "one", embeddingModel: null })),
  );
  expect(new Set(ensured.map(({ id }) => id))).toEqual(new Set([made.id]));
  expect(ensured[0]?.metric).toBe("ip");
});

test("renaming a collection or setting its model keeps everything else", async () => {
  const made = await createCollection(own.database, tenantId, {
    name: "old",
    embeddingModel: null,
    dimensions: 3,
    metric: "l2",
  });
  const changed = await changeCollection(own.database, tenantId, "old", {
    name: "new",
    embeddingModel: "offline/words",
  });
  expect(changed).toEqual({
    ...made,
    name: "new",
    embeddingModel: "offline/words",
    updatedAt: changed.updatedAt,
  });
  expect(changed.updatedAt.getTime()).toBeGreaterThan(made.updatedAt.getTime());
  await expect(getCollection(own.database, tenantId, "old")).rejects.toMatchObject({ code: "not_found" });
});

test("naming another model for existing vectors needs confirmation", async () => {
  const made = { name: "vectors", embeddingModel: null, dimensions: 2 };
  await createCollection(own.database, tenantId, made);
  const change = (changes: object) => changeCollection(own.database, tenantId, "vectors", changes);
  expect(await change({ embeddingModel: "local/a" })).toMatchObject({ embeddingModel: "local/a" });
  const documents = [{ id: "a", content: null, embedding: Float32Array.of(1, 2) }];
  await ingest(own.services, tenantId, { documents, collection: "vectors" });
  await expect(change({ embeddingModel: "local/b" })).rejects.toMatchObject({
    code: "invalid_input",
    path: "confirmModel",
    message: expect.stringMatching(/set to local\/b.*has vectors of local\/a.*Confirm/),
  });
  expect(await getCollection(own.database, tenantId, "vectors")).toMatchObject({ embeddingModel: "local/a" });
  expect(await change({ embeddingModel: "local/a" })).toMatchObject({ embeddingModel: "local/a" });
  expect(await change({ embeddingModel: "local/b", confirmModel: true })).toMatchObject({
    embeddingModel: "local/b",
  });
});

test("an id finds its collection, even if another collection has the id as its name", async () => {
  const collection = await createCollection(own.database, tenantId, { name: "id", embeddingModel: null });
  const other = await createCollection(own.database, tenantId, { name: collection.id, embeddingModel: null });
  expect((await getCollection(own.database, tenantId, collection.id)).id).toBe(collection.id);
  await deleteCollection(own.database, tenantId, collection.id);
  expect((await getCollection(own.database, tenantId, collection.id)).id).toBe(other.id);
});

describe("an invalid value is refused with its path", () => {
  test.each([
    ["name", { name: "" }],
    ["name", { name: "a\0b" }],
    ["name", { name: "a\nb" }],
    ["name", { name: "\uD800" }],
    ["name", { name: "x".repeat(513) }],
    ["embeddingModel", { embeddingModel: "gpt" }],
    ["embeddingModel", { embeddingModel: "open ai/x" }],
    ["dimensions", { dimensions: 0 }],
    ["dimensions", { dimensions: 16_001 }],
    ["dimensions", { dimensions: 1.5 }],
    ["metric", { metric: "hamming" as "l2" }],
  ])("%s %j", async (path, invalid) => {
    const fault = { code: "invalid_input", path };
    await expect(createCollection(own.database, tenantId, { embeddingModel: null, ...invalid })).rejects.toMatchObject(
      fault,
    );
    if ("name" in invalid || "embeddingModel" in invalid)
      await expect(changeCollection(own.database, tenantId, "one", invalid)).rejects.toMatchObject(fault);
  });

  test("an integer setting beyond double precision is refused with its exact value", async () => {
    const indexSettings = { m: 12345678901234567890n as unknown as number };
    await expect(
      createCollection(own.database, tenantId, { embeddingModel: null, indexSettings }),
    ).rejects.toMatchObject({
      code: "invalid_input",
      message: expect.stringContaining("not 12345678901234567890."),
    });
  });

  test.each(["nothing", "", "a\0b", "\uD800", MISSING, MISSING.toUpperCase(), "x".repeat(10_000), "'; --"])(
    "the name %j of no collection is not found",
    async (name) => {
      await expect(getCollection(own.database, tenantId, name)).rejects.toMatchObject({ code: "not_found" });
      await expect(deleteCollection(own.database, tenantId, name)).rejects.toMatchObject({
        code: "not_found",
      });
    },
  );

  test("a tenant that does not exist is not found", async () => {
    await expect(createCollection(own.database, MISSING, { embeddingModel: null })).rejects.toMatchObject({
      code: "not_found",
    });
    expect(await listCollections(own.database, MISSING)).toEqual([]);
  });
});

test("names may be in any script, 512 characters long, and two tenants may use the same", async () => {
  const { id: other } = await createTenant(own.database);
  for (const name of ["知識ベース 🍵", "x".repeat(512), "\uFFFF"])
    for (const tenant of [tenantId, other]) {
      const { id } = await createCollection(own.database, tenant, { name, embeddingModel: null });
      expect(await getCollection(own.database, tenant, name)).toMatchObject({ id, name });
    }
  expect(await listCollections(own.database, other)).toHaveLength(3);
});

test("deleting a collection deletes its documents and no others; stats report each collection's contents", async () => {
  const { id: tenant } = await createTenant(own.database);
  const services = own.services;
  const embedding = new Float32Array([1, 2]);
  for (const name of ["a", "b"]) {
    await createCollection(own.database, tenant, { name, embeddingModel: null, dimensions: 2, metric: "l2" });
    await ingest(services, tenant, {
      collection: name,
      documents: [
        { id: "x", content: "text", embedding },
        { id: "y", content: null, embedding },
      ],
    });
  }
  await createCollection(own.database, tenant, { name: "empty", embeddingModel: null });
  const [a, b, empty] = await collectionStats(own.database, tenant);
  expect(a).toMatchObject({
    collection: "a",
    model: null,
    dimensions: 2,
    metric: "l2",
    documents: 2,
    passages: 2,
    vectors: 2,
  });
  expect(a?.size).toBeGreaterThan(0);
  expect(b?.collection).toBe("b");
  expect(empty).toEqual({
    collection: "empty",
    model: null,
    dimensions: null,
    metric: "cosine",
    documents: 0,
    passages: 0,
    vectors: 0,
    size: 0,
    indexes: [],
    tail: 0,
    due: { action: "none" },
    deadRows: 0,
    latency: null,
  });
  await deleteCollection(own.database, tenant, "a");
  await createCollection(own.database, tenant, { name: "a", embeddingModel: null });
  expect(await countDocuments(own.database, tenant, { collection: "a" })).toEqual({ documents: 0, passages: 0 });
  expect(await countDocuments(own.database, tenant, { collection: "b" })).toEqual({ documents: 2, passages: 2 });
});
