import { describe, expect, test } from "vitest";
import { serverUrl } from "../../../test/support/database.ts";
import { documentsOf, vector, words } from "../../../test/support/documents.ts";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { getCollection } from "../collection/get.ts";
import type { JsonObject } from "../database/json.ts";
import { asTenant } from "../database/transaction.ts";
import { query } from "../search/query.ts";
import type { Services } from "../services.ts";
import { countDocuments } from "./count.ts";
import { ingest } from "./ingest.ts";
import { updateDocuments } from "./update.ts";
import { writeRows } from "./write.ts";

const testDatabase = useTestDatabase();
const { services } = testDatabase;
const tenantId = useTenant(testDatabase);
const { collection, count, put, read } = documentsOf(testDatabase, tenantId);

const updateMetadata = (name: string, metadata: JsonObject) =>
  updateDocuments(testDatabase.database, tenantId, { collection: name, documents: [{ id: "x", metadata }] });

describe.runIf(serverUrl())("concurrent writers", () => {
  test("of two first writers with different dimensions, one is rejected", async () => {
    for (let round = 0; round < 5; round++) {
      const name = await collection(null);
      const outcomes = await Promise.allSettled([
        put(name, { id: "a", content: null, embedding: vector(1, 2) }),
        put(name, { id: "b", content: null, embedding: vector(1, 2, 3) }),
      ]);
      const rejected = outcomes.filter(({ status }) => status === "rejected");
      expect(rejected).toMatchObject([{ reason: { code: "dimension_mismatch" } }]);
      expect(await count(name)).toEqual({ documents: 1, passages: 1 });
    }
  });

  test("of two writers of one id, one wins completely and no passage of the other is left", async () => {
    const name = await collection();
    const long = words(3_000);
    for (let round = 0; round < 10; round++) {
      await Promise.all([put(name, { id: "x", content: long }), put(name, { id: "x", content: "short" })]);
      const [document] = await read(name, "x");
      const contents = document?.passages.map(({ content }) => content) ?? [];
      if (contents[0] === "short") expect(contents).toEqual(["short"]);
      else expect(contents.length).toBeGreaterThan(2);
    }
  });

  test("a writer that waits for a longer text deletes its surplus passages", async () => {
    const name = await collection();
    const target = await getCollection(testDatabase.database, tenantId, name);
    const types = await testDatabase.database.vectorTypes();
    const row = (chunk: number) => ({
      id: "x",
      chunk,
      content: `long ${chunk}`,
      embedding: null,
      metadata: {},
      uri: null,
    });
    let second: Promise<unknown> = Promise.resolve();
    await asTenant(testDatabase.database, tenantId, async (transaction) => {
      await writeRows(transaction, target, [row(0), row(1), row(2)], { types });
      second = put(name, { id: "x", content: "short" });
      await new Promise((resolve) => setTimeout(resolve, 200));
    });
    await second;
    expect((await read(name, "x"))[0]?.passages).toMatchObject([{ chunk: 0, content: "short" }]);
    expect(await count(name)).toEqual({ documents: 1, passages: 1 });
  });

  test("updates of different keys of a document are all kept", async () => {
    const name = await collection();
    await put(name, { id: "x", content: "x" });
    const keys = Array.from({ length: 20 }, (_, n) => `key${n}`);
    await Promise.all(keys.map((key) => updateMetadata(name, { [key]: true })));
    expect(Object.keys((await read(name, "x"))[0]?.metadata ?? {}).sort()).toEqual(keys.toSorted());
  });

  test("an update that waits for a longer text changes all of its passages", async () => {
    const name = await collection();
    await put(name, { id: "x", content: "short" });
    const target = await getCollection(testDatabase.database, tenantId, name);
    const types = await testDatabase.database.vectorTypes();
    const row = (chunk: number) => ({
      ...{ id: "x", chunk, content: `longer ${chunk}`, uri: null },
      ...{ embedding: null, metadata: { old: true } },
    });
    let second: Promise<unknown> = Promise.resolve();
    await asTenant(testDatabase.database, tenantId, async (transaction) => {
      await writeRows(transaction, target, [row(0), row(1), row(2)], { types });
      second = updateMetadata(name, { new: true });
      await new Promise((resolve) => setTimeout(resolve, 200));
    });
    await second;
    const filter = { $and: [{ old: true }, { new: true }] };
    const matching = await countDocuments(testDatabase.database, tenantId, { collection: name, filter });
    expect(matching).toEqual({ documents: 1, passages: 3 });
  });
});

describe.runIf(serverUrl())("back-pressure", () => {
  test("batches are written sequentially while the collection is searched, and concurrently otherwise", async () => {
    const name = await collection();
    const open = new Set<number>();
    let maxConcurrent = 0;
    const watched: Services = {
      ...services,
      database: {
        ...testDatabase.database,
        async transaction(work, settings) {
          const writes = settings?.role === "cairn_app";
          const startedAt = performance.now();
          if (writes) open.add(startedAt);
          maxConcurrent = Math.max(maxConcurrent, open.size);
          try {
            return await testDatabase.database.transaction(work, settings);
          } finally {
            open.delete(startedAt);
          }
        },
      },
    };
    const documents = Array.from({ length: 2_000 }, (_, n) => ({
      id: `d${n}`,
      content: "word",
      embedding: vector(1, n, 0, 1),
    }));
    await ingest(watched, tenantId, { collection: name, documents });
    expect(maxConcurrent).toBe(2);
    maxConcurrent = 0;
    await query(services, tenantId, { collection: name, embedding: vector(1, 0, 0, 1) });
    await ingest(watched, tenantId, { collection: name, documents });
    expect(maxConcurrent).toBe(1);
  });
});
