import { canonicalJson } from "@cairn/core/database/canonical-json.ts";
import { type JsonObject, parseExactJson } from "@cairn/core/database/json.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { expect, inject, test } from "vitest";
import { plainRecords, putRecords } from "../../../../test/support/fill-chroma.ts";
import { useServer, useTestDatabase } from "../../../../test/support/fixture.ts";
import { readChroma } from "../../../../test/support/migration.ts";
import { startHttpProxy } from "../../../../test/support/proxy.ts";
import { type CairnRecord, createReplica, type Replica } from "../../../../test/support/replica.ts";

const testDatabase = useTestDatabase();
const fixture = useServer(async () => {
  const proxy = await startHttpProxy(inject("chromaUrl"));
  return { proxy, stop: () => proxy.stop() };
});

/** A record in Chroma, with the numbers of its metadata as the server wrote them. */
async function readExact({ handle }: Replica, id: string) {
  const body = JSON.stringify({ ids: [id], include: ["documents", "metadatas", "uris", "embeddings"] });
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${handle.url}/get`, { method: "POST", headers, body });
  const text = await response.text();
  const all = parseExactJson(text) as unknown as Record<string, unknown[]>;
  const { embeddings } = JSON.parse(text) as { readonly embeddings: readonly number[][] };
  return {
    document: all.documents?.[0],
    uri: all.uris?.[0],
    metadata: all.metadatas?.[0],
    vector: embeddings[0]?.map(Math.fround),
  };
}

const plain: CairnRecord = { id: "a", content: "text", uri: "u", metadata: { n: 1, s: "x" }, embedding: [0.1, -2] };

test("writes what Chroma lacks, leaves what is equal, and deletes what Cairn no longer has", async () => {
  const replica = await createReplica(testDatabase);
  await replica.put(plain, { id: "b", content: "second", embedding: [3, 4] });
  expect(await replica.replicate("a", "b", "none")).toMatchObject({ equal: 1, written: 2, deleted: 0, findings: [] });
  expect(await readChroma(replica.handle)).toEqual({
    a: { document: "text", uri: "u", metadata: { n: 1, s: "x" }, vector: [Math.fround(0.1), -2] },
    b: { document: "second", uri: null, metadata: {}, vector: [3, 4] },
  });
  expect(await replica.replicate("a", "b")).toMatchObject({ equal: 2, written: 0, deleted: 0, findings: [] });
  await replica.remove("a");
  expect(await replica.replicate("a", "b")).toMatchObject({ equal: 1, written: 0, deleted: 1, findings: [] });
  expect(Object.keys(await readChroma(replica.handle))).toEqual(["b"]);
});

test.each<[what: string, change: Partial<CairnRecord>]>([
  ["another text", { content: "other" }],
  ["an empty text", { content: "" }],
  ["a removed text", { content: null }],
  ["another URI", { uri: "v" }],
  ["a removed URI", { uri: null }],
  ["another value", { metadata: { n: 2, s: "x" } }],
  ["a value of another type", { metadata: { n: "1", s: "x" } }],
  ["1.0 instead of 1", { metadata: parseExactJson('{"n": 1.0, "s": "x"}') as never }],
  ["a removed key", { metadata: { s: "x" } }],
  ["no metadata", { metadata: {} }],
  ["another vector", { embedding: [0.1, -2.0000002] }],
  ["everything else", { content: null, uri: null, metadata: {}, embedding: [9, 9] }],
])("makes a record equal that has %s", async (_, change) => {
  const replica = await createReplica(testDatabase);
  await replica.put(plain, { ...plain, id: "other" });
  await replica.replicate("a", "other");
  const changed = { ...plain, ...change };
  await replica.put(changed);
  expect(await replica.replicate("a", "other")).toMatchObject({ equal: 1, written: 1, deleted: 0, findings: [] });
  const { document, uri, metadata, vector } = await readExact(replica, "a");
  expect({ document, uri, metadata: canonicalJson((metadata ?? {}) as JsonObject) }).toEqual({
    document: changed.content,
    uri: changed.uri,
    metadata: canonicalJson(changed.metadata as JsonObject),
  });
  expect(vector).toEqual(changed.embedding?.map(Math.fround));
  expect(await replica.replicate("a", "other")).toMatchObject({ equal: 2, written: 0 });
});

test("awkward values arrive as they are: ids, numbers, and 16 kB of metadata", async () => {
  const replica = await createReplica(testDatabase);
  const metadata = parseExactJson(
    '{"one":1,"onef":1.0,"max":9223372036854775807,"min":-9223372036854775808,"odd":9007199254740993,"even":9007199254740992.0,"large":1e300,"tiny":5e-324,"third":0.30000000000000004,"zero":0.0,"yes":true,"empty":""}',
  ) as never;
  const records: readonly CairnRecord[] = [
    { id: 'größe 🦊 \u0000 "quoted"', content: "日本語 \u0000", uri: "", metadata },
    { id: "x".repeat(3_000), content: "", metadata: { text: "m".repeat(16_384), ["k".repeat(400)]: 1 } },
    { id: "zero", embedding: [0, 0] },
    { id: "small", embedding: [1e-40, 1e17] },
  ];
  await replica.put(...records);
  const ids = records.map(({ id }) => id);
  expect(await replica.replicate(...ids)).toMatchObject({ equal: 0, written: 4, deleted: 0, findings: [] });
  expect(await replica.replicate(...ids)).toMatchObject({ equal: 4, written: 0, deleted: 0, findings: [] });
  const read = await readExact(replica, ids[0] as string);
  expect(read).toMatchObject({ document: "日本語 \u0000", uri: "" });
  expect(canonicalJson(read.metadata as JsonObject)).toBe(canonicalJson(metadata));
});

test("a record that Chroma cannot hold is reported, and the others of its page are written", async () => {
  const replica = await createReplica(testDatabase);
  const refused: readonly CairnRecord[] = [
    { id: "no vector", embedding: null },
    { id: "nested", metadata: { a: { b: 1 } } },
    { id: "null", metadata: { a: null } },
    { id: "empty list", metadata: { a: [] } },
    { id: "rounded", metadata: { a: 2n ** 63n } },
    { id: "internal", metadata: { "chroma:document": "x" } },
    { id: "half \ud800" },
    { id: "half a pair in the text", content: "\ud800" },
  ];
  const good = Array.from({ length: 9 }, (_, index) => ({ id: `good ${index}`, content: "fine" }));
  await replica.put(...good.slice(0, 4), ...refused, ...good.slice(4));
  const ids = [...refused, ...good].map(({ id }) => id);
  const result = await replica.replicate(...ids);
  expect(result).toMatchObject({ equal: 0, written: 9, deleted: 0 });
  expect(result.findings.map(({ recordId, kind }) => `${kind} ${recordId}`).sort()).toEqual(
    refused.map(({ id }) => `refused ${id}`).sort(),
  );
  expect(Object.keys(await readChroma(replica.handle)).sort()).toEqual(good.map(({ id }) => id));
  expect(await replica.replicate(...ids)).toMatchObject({ equal: 9, written: 0, findings: { length: 8 } });
});

test("what Chroma has of a refused record is left as it is", async () => {
  const replica = await createReplica(testDatabase);
  await replica.put(plain);
  await replica.replicate("a");
  await replica.put({ ...plain, content: null, metadata: { a: { b: 1 } } });
  expect(await replica.replicate("a")).toMatchObject({
    written: 0,
    deleted: 0,
    findings: [{ recordId: "a", kind: "refused" }],
  });
  await replica.put({ ...plain, content: null, uri: null, embedding: null });
  expect(await replica.replicate("a")).toMatchObject({
    written: 0,
    deleted: 0,
    findings: [{ recordId: "a", kind: "refused" }],
  });
  expect(await readChroma(replica.handle)).toMatchObject({ a: { document: "text", uri: "u" } });
});

test("lists of numbers with a float are floats in Chroma, and compare as equal", async () => {
  const replica = await createReplica(testDatabase);
  await replica.put({ ...plain, metadata: parseExactJson('{"f":[1.5,2],"i":[1,2],"s":["a"]}') as never });
  const first = await replica.replicate("a");
  // Chroma has lists since 1.1.
  if (first.findings.length > 0) expect(first).toMatchObject({ written: 0, findings: [{ kind: "refused" }] });
  else expect(await replica.replicate("a")).toMatchObject({ equal: 1, written: 0 });
});

test("a document of several passages is reported, with what Chroma has of it", async () => {
  const model = { embeddingModel: "offline/words", dimensions: undefined };
  const replica = await createReplica(testDatabase, model);
  const content = "A sentence of eight words that fills space. ".repeat(400);
  const put = (id: string, text: string) =>
    ingest(testDatabase.services, replica.tenantId, {
      collection: replica.collectionId,
      documents: [{ id, content: text }],
    });
  await put("short", "One passage.");
  await put("grows", "One passage.");
  await put("long", content);
  expect(await replica.replicate("short", "grows", "long")).toMatchObject({
    written: 2,
    findings: [{ recordId: "long", kind: "passages", detail: expect.not.stringContaining("earlier record") }],
  });
  await put("grows", content);
  expect(await replica.replicate("short", "grows", "long")).toMatchObject({
    equal: 1,
    written: 0,
    findings: [{ recordId: "grows", detail: expect.stringContaining("earlier record") }, { recordId: "long" }],
  });
  expect(Object.keys(await readChroma(replica.handle)).sort()).toEqual(["grows", "short"]);
});

test("a zero vector under cosine, which Cairn stores as none, is one in Chroma", async () => {
  const attributes = { chroma: { zeroVectors: true } };
  const replica = await createReplica(testDatabase, { metric: "cosine", attributes, dimensions: 2 });
  await replica.put({ id: "zero", embedding: null }, { id: "one", embedding: [3, 4] });
  expect(await replica.replicate("zero", "one")).toMatchObject({ written: 2, findings: [] });
  expect(await readChroma(replica.handle)).toMatchObject({ zero: { vector: [0, 0] } });
  expect(await replica.replicate("zero", "one")).toMatchObject({ equal: 2, written: 0 });
  await replica.put({ id: "zero", embedding: null, content: "with a text" });
  expect(await replica.replicate("zero")).toMatchObject({ written: 1, findings: [] });
  expect(await readChroma(replica.handle)).toMatchObject({ zero: { vector: [0, 0], document: "with a text" } });
});

test("vectors of another size than Chroma's collection are refused without a request for each", async () => {
  const through = await createReplica(testDatabase, { url: fixture.proxy.url });
  await putRecords(through.handle, plainRecords(1, 3));
  const records = plainRecords(200, 2, "two-").map(({ id, embedding }) => ({ id, embedding: embedding as number[] }));
  await through.put(...records);
  const before = fixture.proxy.seen.length;
  expect(await through.replicate(...records.map(({ id }) => id))).toMatchObject({
    written: 0,
    findings: { length: 200 },
  });
  expect(fixture.proxy.seen.length - before).toBeLessThan(5);
});

test("an outage in the middle is an error, and the next call writes the rest", async () => {
  const replica = await createReplica(testDatabase, { url: fixture.proxy.url });
  const records = plainRecords(700, 2).map(({ id, embedding }) => ({
    id,
    embedding: embedding as number[],
    content: id,
  }));
  await replica.put(...records);
  const ids = records.map(({ id }) => id);
  let upserts = 0;
  fixture.proxy.rules = [
    ({ path }) => (path.endsWith("/upsert") && ++upserts > 1 ? { kind: "answer", status: 503 } : undefined),
  ];
  await expect(replica.replicate(...ids)).rejects.toMatchObject({ code: "source_unavailable" });
  fixture.proxy.rules = [];
  expect(Object.keys(await readChroma(replica.handle))).toHaveLength(300);
  expect(await replica.replicate(...ids)).toMatchObject({ equal: 300, written: 400, deleted: 0, findings: [] });
  expect(Object.keys(await readChroma(replica.handle))).toHaveLength(700);
});

test("a server that limits the records of a request gets smaller requests", async () => {
  const replica = await createReplica(testDatabase, { url: fixture.proxy.url });
  const records = plainRecords(200, 2).map(({ id, embedding }) => ({ id, embedding: embedding as number[] }));
  await replica.put(...records);
  fixture.proxy.rules = [
    ({ path, body }) =>
      path.endsWith("/upsert") && JSON.parse(body).ids.length > 60 ? { kind: "answer", status: 422 } : undefined,
  ];
  expect(await replica.replicate(...records.map(({ id }) => id))).toMatchObject({ written: 200, findings: [] });
  fixture.proxy.rules = [];
  expect(Object.keys(await readChroma(replica.handle))).toHaveLength(200);
});

test("records that are too large for one response are read in parts", async () => {
  const replica = await createReplica(testDatabase);
  const document = "x".repeat(1_000_000);
  const records = plainRecords(16, 2);
  for (const record of records) await putRecords(replica.handle, [{ ...record, document }]);
  const changed = records.map(({ id, embedding }) => ({ id, embedding: embedding as number[], content: "short" }));
  await replica.put(...changed);
  const ids = records.map(({ id }) => id);
  expect(await replica.replicate(...ids)).toMatchObject({ equal: 0, written: 16, deleted: 0, findings: [] });
  expect(Object.values(await readChroma(replica.handle))).toMatchObject(changed.map(() => ({ document: "short" })));
});

test("a server that does not remove keys gets the record again", async () => {
  const replica = await createReplica(testDatabase, { url: fixture.proxy.url });
  await replica.put(plain, { ...plain, id: "b" });
  await replica.replicate("a", "b");
  await replica.put({ ...plain, metadata: { s: "x" } }, { ...plain, id: "b", metadata: {}, embedding: [7, 7] });
  fixture.proxy.rules = [
    ({ path, body }) =>
      /up(sert|date)$/.test(path) && /"metadatas":.*:null[,}]/.test(body.replace(/"uris".*/, ""))
        ? { kind: "answer", status: 422 }
        : undefined,
  ];
  expect(await replica.replicate("a", "b")).toMatchObject({ equal: 0, written: 2, deleted: 0, findings: [] });
  fixture.proxy.rules = [];
  expect(await readChroma(replica.handle)).toMatchObject({
    a: { metadata: { s: "x" }, vector: [Math.fround(0.1), -2] },
    b: { metadata: {}, vector: [7, 7] },
  });
  expect(await replica.replicate("a", "b")).toMatchObject({ equal: 2, written: 0 });
});
