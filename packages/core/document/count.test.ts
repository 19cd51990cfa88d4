import { sql } from "drizzle-orm";
import { beforeAll, describe, expect, test } from "vitest";
import { words } from "../../../test/support/documents.ts";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { createCollection } from "../collection/create.ts";
import { requireCollection } from "../collection/get.ts";
import { asTenant } from "../database/transaction.ts";
import { type CountOptions, countAll, countDocuments } from "./count.ts";
import { ingest } from "./ingest.ts";

const testDatabase = useTestDatabase();
const tenantId = useTenant(testDatabase);
let longPassages: number;
beforeAll(async () => {
  await createCollection(testDatabase.database, tenantId, { embeddingModel: "offline/words", dimensions: 4 });
  const put = (documents: readonly { id: string; content: string; metadata: { n: number; even: boolean } }[]) =>
    ingest(testDatabase.services, tenantId, { documents });
  const short = Array.from({ length: 20 }, (_, n) => ({
    id: `d${n}`,
    content: `text ${n}`,
    metadata: { n, even: n % 2 === 0 },
  }));
  await put(short);
  const content = `${words(2_000)} needle at the end`;
  ({ passages: longPassages } = await put([{ id: "long", content, metadata: { n: 1_000, even: true } }]));
});

const count = (options: CountOptions = {}) => countDocuments(testDatabase.database, tenantId, options);

describe("countDocuments()", () => {
  test("counts documents and passages separately", async () => {
    expect(longPassages).toBeGreaterThan(2);
    expect(await count()).toEqual({ documents: 21, passages: 20 + longPassages });
    await createCollection(testDatabase.database, tenantId, { name: "empty", embeddingModel: null });
    expect(await count({ collection: "empty" })).toEqual({ documents: 0, passages: 0 });
  });

  test("counts the documents with a passage that matches, and these passages", async () => {
    expect(await count({ filter: { even: true } })).toEqual({ documents: 11, passages: 10 + longPassages });
    expect(await count({ whereDocument: { $contains: "needle" } })).toEqual({ documents: 1, passages: 1 });
    const both = { filter: { even: false }, whereDocument: { $contains: "needle" } };
    expect(await count(both)).toEqual({ documents: 0, passages: 0 });
  });

  test("refuses an invalid filter and a missing collection", async () => {
    await expect(count({ filter: { n: { $foo: 1 } } })).rejects.toMatchObject({ code: "invalid_filter" });
    await expect(count({ collection: "none" })).rejects.toMatchObject({ code: "not_found" });
  });

  test("counts documents through the index of the insertion order", async () => {
    const plan = await asTenant(testDatabase.database, tenantId, async ({ orm, set }) => {
      await set({ enable_seqscan: "off", enable_bitmapscan: "off" });
      const collection = await requireCollection(orm, tenantId);
      return orm.selectRows<{ readonly "QUERY PLAN": string }>(sql`EXPLAIN ${countAll(collection)}`);
    });
    const lines = plan.map((line) => line["QUERY PLAN"]).join("\n");
    expect(lines).toMatch(/Index Only Scan using documents_\d+_tenant_id_collection_id_sequence_id_idx/);
  });
});
