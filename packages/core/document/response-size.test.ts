import { randomBytes } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { createCollection } from "../collection/create.ts";
import type { Database } from "../database/database.ts";
import type { Document } from "./document.ts";
import { ingest } from "./ingest.ts";
import { type GetOptions, getDocuments, type ListOptions, listDocuments } from "./list.ts";

const LARGE = 40_000;

const testDatabase = useTestDatabase();
const tenantId = useTenant(testDatabase);
beforeAll(async () => {
  await createCollection(testDatabase.database, tenantId, { embeddingModel: "offline/words", dimensions: 4 });
  const embedding = new Float32Array([1, 0, 0, 0]);
  const documents = Array.from({ length: 20 }, (_, n) => ({
    id: `d${String(n).padStart(2, "0")}`,
    content: randomBytes(LARGE / 2).toString("hex"), // incompressible, the worst case
    metadata: { n },
    embedding,
  }));
  const metadata = { note: "x".repeat(LARGE) };
  await ingest(testDatabase.services, tenantId, {
    documents: [...documents, { id: "m", content: "short", metadata, embedding }],
  });
  const words = Array.from({ length: 30_000 }, (_, n) => `w${n % 100}`).join(" ");
  await ingest(testDatabase.services, tenantId, {
    documents: [{ id: "long", content: words, metadata: { n: 20 } }],
    overlap: 0,
  });
});

const list = (options: ListOptions) => listDocuments(testDatabase.database, tenantId, options);

const sizeOf = (documents: readonly Document[]) =>
  Buffer.byteLength(JSON.stringify(documents.map(({ metadata, passages }) => [metadata, passages])));

describe("listDocuments()", () => {
  test.each([50_000, 100_000, 250_000, 10_000_000])(
    "ends a page before it exceeds %i bytes, and returns every document once",
    async (maxBytes) => {
      const listed: string[] = [];
      let after: string | undefined;
      do {
        const page = await list({ maxBytes, after, filter: { n: { $lt: 20 } } });
        expect(page.documents.length).toBeGreaterThan(0);
        expect(sizeOf(page.documents)).toBeLessThan(maxBytes * 1.1);
        listed.push(...page.documents.map(({ id }) => id));
        after = page.next ?? undefined;
      } while (after !== undefined);
      expect(listed).toEqual(Array.from({ length: 20 }, (_, n) => `d${String(n).padStart(2, "0")}`));
    },
  );

  test("counts metadata", async () => {
    await expect(list({ maxBytes: 30_000, filter: { note: { $exists: true } } })).rejects.toMatchObject({
      code: "response_too_large",
    });
  });

  test("names a single document that is too large, with the cursor after it", async () => {
    const error = await list({ maxBytes: 30_000 }).then(
      () => undefined,
      (thrown: unknown) => thrown as Error,
    );
    expect(error).toMatchObject({ code: "response_too_large" });
    expect(error?.message).toContain('"d00"');
    const [, after] = /after=(\S+)$/.exec(error?.message ?? "") ?? [];
    const page = await list({ maxBytes: 50_000, after });
    expect(page.documents[0]?.id).toBe("d01");
  });

  test("reads no text from the database that does not fit", async () => {
    let bytes = 0;
    const { database } = testDatabase;
    const counting: Database = {
      ...database,
      transaction: (work, settings) =>
        database.transaction((transaction) => {
          const { orm } = transaction;
          const execute = orm.execute.bind(orm);
          const counted = async (...args: Parameters<typeof execute>) => {
            const result = await execute(...args);
            bytes += JSON.stringify((result as unknown as { rows: unknown }).rows).length;
            return result;
          };
          return work({ ...transaction, orm: Object.assign(Object.create(orm), { execute: counted }) });
        }, settings),
    };
    const { documents } = await listDocuments(counting, tenantId, { maxBytes: 100_000 });
    expect(documents).toHaveLength(2);
    expect(bytes).toBeLessThan(120_000);
  });
});

describe("getDocuments()", () => {
  const get = (options: GetOptions) => getDocuments(testDatabase.database, tenantId, options);

  test("rejects a document over the limit and returns it in ranges of passages", async () => {
    const [complete] = await get({ ids: ["long"] });
    const count = complete?.passages.length ?? 0;
    expect(count).toBeGreaterThan(5);
    await expect(get({ ids: ["long"], maxBytes: 20_000 })).rejects.toMatchObject({
      code: "response_too_large",
      message: expect.stringContaining("first_passage"),
    });
    const passages = [];
    for (let first = 0; first < count; first += 3) {
      const [part] = await get({ ids: ["long"], maxBytes: 20_000, passages: { first, count: 3 } });
      expect(part?.metadata).toEqual({ n: 20 });
      passages.push(...(part?.passages ?? []));
    }
    expect(passages).toEqual(complete?.passages);
  });

  test("returns an existing document without passages for a range after its last passage", async () => {
    const [document] = await get({ ids: ["d03"], passages: { first: 7, count: 1 } });
    expect(document).toMatchObject({ id: "d03", metadata: { n: 3 }, passages: [] });
    expect(await get({ ids: ["missing"], passages: { first: 0, count: 1 } })).toEqual([]);
  });
});
