import { expect, inject, test } from "vitest";
import { createChromaCollection } from "../../../test/support/fill-chroma.ts";
import { useServer } from "../../../test/support/fixture.ts";
import { createChromaDatabase, readChroma } from "../../../test/support/migration.ts";
import { startHttpProxy } from "../../../test/support/proxy.ts";
import { openTarget } from "./http-target.ts";
import type { TargetRecord } from "./target.ts";

const fixture = useServer(async () => {
  const proxy = await startHttpProxy(inject("chromaUrl"));
  return { proxy, stop: () => proxy.stop() };
});
const open = () =>
  openTarget({ url: fixture.proxy.url, token: "s3cret-token", attempts: 2, backoff: 5, timeout: 10_000 });

async function createCollection() {
  const database = await createChromaDatabase(inject("chromaUrl"));
  const handle = await createChromaCollection(inject("chromaUrl"), "some", { database, space: "l2" });
  const target = await open();
  const collection = await target.findCollection({ tenant: "default_tenant", database }, "some");
  if (!collection) throw new Error("The collection was not found.");
  return { handle, target, collection };
}

const record = (id: string, more: Partial<TargetRecord> = {}): TargetRecord => ({
  id,
  embedding: Float32Array.of(0.1, 1 / 3),
  document: null,
  uri: null,
  metadata: {},
  removedKeys: [],
  ...more,
});

test("vectors are sent in base64 where the server reads it, as numbers where it does not, and are equal bit by bit", async () => {
  const { handle, collection } = await createCollection();
  for (const base64 of [true, false]) {
    fixture.proxy.rules = [
      ({ path }) =>
        path.endsWith("/pre-flight-checks")
          ? { kind: "answer", status: 200, body: `{"max_batch_size":2,"supports_base64_encoding":${base64}}` }
          : undefined,
    ];
    const target = await open();
    const before = fixture.proxy.seen.length;
    expect(
      await target.upsert(
        collection,
        ["a", "b", "c"].map((id) => record(`${id} ${base64}`)),
      ),
    ).toEqual([]);
    const bodies = fixture.proxy.seen.slice(before).map(({ body }) => JSON.parse(body));
    expect(bodies.map(({ ids }) => ids.length)).toEqual([2, 1]);
    expect(typeof bodies[0].embeddings[0]).toBe(base64 ? "string" : "object");
  }
  const vectors = Object.values(await readChroma(handle)).map(({ vector }) => vector);
  expect(vectors).toEqual(Array(6).fill([Math.fround(0.1), Math.fround(1 / 3)]));
});

test("a server without pre-flight checks gets numbers, in small batches", async () => {
  const { handle, collection } = await createCollection();
  fixture.proxy.rules = [
    ({ path }) => (path.endsWith("/pre-flight-checks") ? { kind: "answer", status: 404 } : undefined),
  ];
  const target = await open();
  const before = fixture.proxy.seen.length;
  await target.upsert(
    collection,
    Array.from({ length: 301 }, (_, index) => record(`${index}`)),
  );
  expect(fixture.proxy.seen.slice(before).map(({ body }) => JSON.parse(body).ids.length)).toEqual([300, 1]);
  expect(Object.keys(await readChroma(handle))).toHaveLength(301);
});

test("requests are limited in bytes", async () => {
  fixture.proxy.rules = [];
  const { handle, target, collection } = await createCollection();
  const before = fixture.proxy.seen.length;
  const document = "x".repeat(3_000_000);
  await target.upsert(
    collection,
    ["a", "b", "c"].map((id) => record(id, { document })),
  );
  expect(fixture.proxy.seen.slice(before).map(({ body }) => JSON.parse(body).ids)).toEqual([["a", "b"], ["c"]]);
  expect(Object.keys(await readChroma(handle))).toHaveLength(3);
});

test("refused records are found, and the reason quotes nothing of them", async () => {
  fixture.proxy.rules = [];
  const { handle, target, collection } = await createCollection();
  const secret = "secret text";
  const bad = { metadata: { secret: { a: secret } } };
  const records = [record("1"), record("2", bad), record("3"), record("4"), record("5", bad), record("6")];
  const refused = await target.upsert(collection, records);
  expect(refused.map(({ id }) => id)).toEqual(["2", "5"]);
  expect(refused[0]?.detail).toMatch(/^Chroma refuses the record \(422\): .*metadata/);
  expect(JSON.stringify(refused)).not.toContain(secret);
  expect(Object.keys(await readChroma(handle))).toEqual(["1", "3", "4", "6"]);
  fixture.proxy.rules = [
    ({ path }) =>
      path.endsWith("/upsert")
        ? { kind: "answer", status: 400, body: `{"message":"invalid type: string \\"${secret}\\", expected a map"}` }
        : undefined,
  ];
  expect(await target.upsert(collection, [record("7")])).toEqual([
    { id: "7", detail: "Chroma refuses the record (400): invalid type: string …, expected a map" },
  ]);
});

test("a record that is too large for the server is refused, and its neighbours are written", async () => {
  fixture.proxy.rules = [];
  const { handle, target, collection } = await createCollection();
  const records = [record("a"), record("large", { document: "x".repeat(45_000_000) }), record("b")];
  expect(await target.upsert(collection, records)).toMatchObject([
    { id: "large", detail: expect.stringContaining("413") },
  ]);
  expect(Object.keys(await readChroma(handle))).toEqual(["a", "b"]);
});

test("an outage, a refused login and a deleted collection are errors, not refusals", async () => {
  fixture.proxy.rules = [];
  const { target, collection } = await createCollection();
  const fail = async (status: number) => {
    fixture.proxy.rules = [
      ({ path }) =>
        path.endsWith("/upsert") ? { kind: "answer", status, body: '{"message":"s3cret-token"}' } : undefined,
    ];
    return target.upsert(collection, [record("a"), record("b")]).catch((error: unknown) => error);
  };
  for (const status of [401, 403, 500, 503]) {
    const error = (await fail(status)) as Error;
    expect(error).toMatchObject({ code: "source_unavailable" });
    expect(error.message).not.toContain("s3cret");
  }
  fixture.proxy.rules = [];
  expect(await target.deleteCollection(collection)).toBe(true);
  await expect(target.upsert(collection, [record("a")])).rejects.toMatchObject({ code: "not_found" });
  await expect(target.deleteIds(collection, ["a"])).rejects.toMatchObject({ code: "not_found" });
});

test("a write whose response was lost is sent again, also the creation of a database", async () => {
  fixture.proxy.rules = [];
  const { handle, target, collection } = await createCollection();
  let cut = 0;
  fixture.proxy.rules = [({ method }) => (method === "POST" && cut++ === 0 ? { kind: "cut", after: 0 } : undefined)];
  expect(await target.upsert(collection, [record("a")])).toEqual([]);
  expect(Object.keys(await readChroma(handle))).toEqual(["a"]);
  cut = 0;
  const database = `db_${collection.id}`;
  await target.ensureDatabase({ tenant: "default_tenant", database });
  await target.ensureDatabase({ tenant: "default_tenant", database });
  expect(await target.findCollection({ tenant: "default_tenant", database }, "some")).toBeUndefined();
});
