import { MAX_PAGE_BYTES } from "@cairn/chroma/source/source.ts";
import { verify } from "@cairn/chroma/verify/verify.ts";
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "./support/database.ts";
import { plainRecords, putRecords } from "./support/fill-chroma.ts";
import {
  createChromaDatabase,
  createTenantCollection,
  impatientSource,
  migrateDatabase,
  readCairn,
} from "./support/migration.ts";
import { always, isFetch, startHttpProxy } from "./support/proxy.ts";
import { offlineServices } from "./support/services.ts";

// Pages whose records are too large together, and one that is too large by itself.

const chroma = inject("chromaUrl");
let one: TestDatabase;
beforeAll(async () => {
  one = await createTestDatabase();
});
afterAll(() => one?.drop());

/** The real server, with some texts replaced by long ones. `sent`: bytes of each answer with records, as far as it was taken. */
async function enlarged(texts: RegExp, megabytes: number) {
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
      for (let made = 0; made < 10 * megabytes; made++) yield count(part);
      yield count('"');
      at = index + text.length;
    }
    yield count(body.slice(at));
  }
  proxy.rules = [always({ kind: "stream", split }, isFetch)];
  return { source: await impatientSource(proxy.url, { timeout: 60_000 }), sent };
}
const look = async (source: Awaited<ReturnType<typeof impatientSource>>, scope: string) =>
  verify(offlineServices(one.database), source, {
    databaseName: "test",
    cairnVersion: "0",
    queries: 20,
    scope: { databases: [scope] },
  });

test("a page of 75 MB is halved, in the copy, the comparison and the sample of searches", async () => {
  const scope = await createChromaDatabase(chroma);
  const collection = await createTenantCollection(chroma, scope);
  await putRecords(collection, plainRecords(15, 4));
  const { source, sent } = await enlarged(/"Passage [^"]*"/g, 5);
  const report = await migrateDatabase(one.database, source, scope, { queries: 20 });
  expect(report).toMatchObject({
    verdict: "identical",
    totals: { written: 15, compared: 15, vectorsCompared: 15 },
  });
  // Whatever was larger was hung up on: what is over is in the buffers of the connection.
  expect(Math.max(...sent)).toBeLessThan(MAX_PAGE_BYTES + 10_000_000);
  // How large the pages may be is learned once, and not again by each of them.
  expect(sent.filter((bytes) => bytes > MAX_PAGE_BYTES).length).toBeLessThan(15);
  const stored = await readCairn(one.database, collection.tenant);
  expect(Object.values(stored).map(({ document }) => document?.length)).toEqual(Array(15).fill(5_000_000));
});

test("a record that is larger than a page is taken alone", async () => {
  const scope = await createChromaDatabase(chroma);
  const collection = await createTenantCollection(chroma, scope);
  await putRecords(collection, [
    ...plainRecords(5, 4),
    { id: "large", embedding: [1, 0, 0, 0], document: "to be enlarged" },
  ]);
  const { source } = await enlarged(/"to be enlarged"/g, 18);
  expect(await migrateDatabase(one.database, source, scope)).toMatchObject({ verdict: "identical" });
  const stored = await readCairn(one.database, collection.tenant);
  expect(stored.large?.document).toHaveLength(18_000_000);
});

test("a record that is too large by itself is quarantined by its id, and all the others are migrated", async () => {
  const scope = await createChromaDatabase(chroma);
  const collection = await createTenantCollection(chroma, scope);
  await putRecords(collection, [
    ...plainRecords(20, 4),
    { id: "huge", embedding: [1, 0, 0, 0], document: "to be enlarged" },
    ...plainRecords(5, 4, "more-"),
  ]);
  const { source } = await enlarged(/"to be enlarged"/g, 25);
  const report = await migrateDatabase(one.database, source, scope, { queries: 5 });
  expect(report).toMatchObject({ verdict: "identical_with_exceptions", totals: { written: 26 } });
  expect(report.exceptions).toMatchObject([
    { id: "huge", reason: "too_large", detail: expect.stringContaining("24 MB") },
  ]);
  const stored = await readCairn(one.database, collection.tenant);
  expect(stored.huge).toMatchObject({ document: null, vector: null });
  expect(Object.keys(stored)).toHaveLength(26);
  expect(await look(source, scope)).toMatchObject({ verdict: "identical_with_exceptions", differences: [] });
});
