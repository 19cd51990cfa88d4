import { MAX_PAGE_BYTES } from "@cairn/chroma/source/source.ts";
import { verify } from "@cairn/chroma/verify/verify.ts";
import { expect, inject, onTestFinished, test } from "vitest";
import { plainRecords, putRecords } from "./support/fill-chroma.ts";
import { useTestDatabase } from "./support/fixture.ts";
import {
  createChromaDatabase,
  createTenantCollection,
  migrateDatabase,
  openTestSource,
  readCairn,
} from "./support/migration.ts";
import { always, isFetch, startHttpProxy } from "./support/proxy.ts";

// Pages that are too large, and a single record that is too large.

const chroma = inject("chromaUrl");
const testDb = useTestDatabase();

/** The real server with some texts replaced by long ones. `sent`: bytes of each response with records that the client read. */
async function enlargeTexts(texts: RegExp, megabytes: number) {
  const proxy = await startHttpProxy(chroma);
  onTestFinished(() => proxy.stop());
  const part = "long ".repeat(20_000);
  const sent: number[] = [];
  function* split(body: string) {
    const answer = sent.push(0) - 1;
    const count = (text: string) => {
      sent[answer] = (sent[answer] ?? 0) + text.length;
      return text;
    };
    let at = 0;
    for (const { 0: text, index } of body.matchAll(texts)) {
      yield count(`${body.slice(at, index)}"`);
      for (let parts = 0; parts < 10 * megabytes; parts++) yield count(part);
      yield count('"');
      at = index + text.length;
    }
    yield count(body.slice(at));
  }
  proxy.rules = [always({ kind: "stream", split }, isFetch)];
  return { source: await openTestSource(proxy.url, { timeout: 60_000 }), sent };
}
const runVerify = async (source: Awaited<ReturnType<typeof openTestSource>>, scope: string) =>
  verify(testDb.services, source, {
    databaseName: "test",
    cairnVersion: "0",
    queries: 20,
    scope: { databases: [scope] },
  });

test("a page of 75 MB is halved in the copy, the comparison and the search sample", async () => {
  const scope = await createChromaDatabase(chroma);
  const collection = await createTenantCollection(chroma, scope);
  await putRecords(collection, plainRecords(15, 4));
  const { source, sent } = await enlargeTexts(/"Passage [^"]*"/g, 5);
  const report = await migrateDatabase(testDb.database, source, scope, { queries: 20 });
  expect(report).toMatchObject({
    verdict: "identical",
    totals: { written: 15, compared: 15, vectorsCompared: 15 },
  });
  // The client closes the connection at the limit. The rest is in the buffers of the connection.
  expect(Math.max(...sent)).toBeLessThan(MAX_PAGE_BYTES + 10_000_000);
  // The page size is adapted once, not again for each page.
  expect(sent.filter((bytes) => bytes > MAX_PAGE_BYTES).length).toBeLessThan(15);
  const stored = await readCairn(testDb.database, collection.tenant);
  expect(Object.values(stored).map(({ document }) => document?.length)).toEqual(Array(15).fill(5_000_000));
});

test("a record that is larger than a page is read alone", async () => {
  const scope = await createChromaDatabase(chroma);
  const collection = await createTenantCollection(chroma, scope);
  await putRecords(collection, [
    ...plainRecords(5, 4),
    { id: "large", embedding: [1, 0, 0, 0], document: "to be enlarged" },
  ]);
  const { source } = await enlargeTexts(/"to be enlarged"/g, 18);
  expect(await migrateDatabase(testDb.database, source, scope)).toMatchObject({ verdict: "identical" });
  const stored = await readCairn(testDb.database, collection.tenant);
  expect(stored.large?.document).toHaveLength(18_000_000);
});

test("a record that alone is too large is quarantined by its id, and all others are migrated", async () => {
  const scope = await createChromaDatabase(chroma);
  const collection = await createTenantCollection(chroma, scope);
  await putRecords(collection, [
    ...plainRecords(20, 4),
    { id: "huge", embedding: [1, 0, 0, 0], document: "to be enlarged" },
    ...plainRecords(5, 4, "more-"),
  ]);
  const { source } = await enlargeTexts(/"to be enlarged"/g, 25);
  const report = await migrateDatabase(testDb.database, source, scope, { queries: 5 });
  expect(report).toMatchObject({ verdict: "identical_with_exceptions", totals: { written: 26 } });
  expect(report.exceptions).toMatchObject([
    { id: "huge", reason: "too_large", detail: expect.stringContaining("24 MB") },
  ]);
  const stored = await readCairn(testDb.database, collection.tenant);
  expect(stored.huge).toMatchObject({ document: null, vector: null });
  expect(Object.keys(stored)).toHaveLength(26);
  expect(await runVerify(source, scope)).toMatchObject({
    verdict: "identical_with_exceptions",
    differences: [],
  });
});
