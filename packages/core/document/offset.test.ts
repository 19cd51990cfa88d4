import { sql } from "drizzle-orm";
import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { changeCollection } from "../collection/change.ts";
import { inCollection } from "../collection/collection.ts";
import { createCollection } from "../collection/create.ts";
import { requireCollection } from "../collection/get.ts";
import type { ChunkSettings } from "../database/collection-settings.ts";
import { asTenant } from "../database/transaction.ts";
import { changeModel } from "../reembed/change.ts";
import { type IngestOptions, ingest } from "./ingest.ts";
import { documentText } from "./join.ts";
import { getDocuments } from "./list.ts";

const testDatabase = useTestDatabase();
const { services } = testDatabase;
const tenantId = useTenant(testDatabase);
beforeAll(async () => {
  await createCollection(testDatabase.database, tenantId, { dimensions: 4, embeddingModel: "offline/words" });
});

async function fetched(id: string) {
  const [document] = await getDocuments(testDatabase.database, tenantId, { ids: [id] });
  if (!document) throw new Error(`There is no ${id}.`);
  return { text: documentText(document), passages: document.passages };
}

const put = (id: string, content: string, sizes: Pick<IngestOptions, "maxTokens" | "overlap"> = {}) =>
  ingest(services, tenantId, { documents: [{ id, content }], ...sizes });

const part = fc.oneof(
  fc.string({ unit: "binary", maxLength: 200 }),
  fc.constantFrom(
    "\0",
    "\ufffe0000",
    "\ud83d",
    "\udc00",
    "👩‍👩‍👧‍👦",
    "退货政策。",
    "\r\n\r\n",
    "\u2028",
    " ".repeat(260),
    ".",
  ),
  fc
    .tuple(fc.constantFrom("same ", "a", "0,", "\n", "No. "), fc.integer({ min: 1, max: 300 }))
    .map(([one, n]) => one.repeat(n)),
);
const anyText = fc.array(part, { minLength: 1, maxLength: 30 }).map((parts) => parts.join(""));

test("a document of any text and any chunking is read back unchanged to the last code unit", async () => {
  const property = fc.asyncProperty(
    anyText,
    fc.integer({ min: 16, max: 60 }),
    fc.double({ min: 0, max: 0.5, noNaN: true }),
    async (text, maxTokens, share) => {
      fc.pre(text.trim() !== "");
      const { failed } = await put("any", text, { maxTokens, overlap: Math.floor(maxTokens * share) });
      expect(failed).toEqual([]);
      expect((await fetched("any")).text === text).toBe(true);
    },
  );
  await fc.assert(property, { numRuns: 60 });
});

/** Writes as a version of the service that does not know offsets: content and time, without the new columns. */
async function writeWithoutOffsets(id: string, contents: readonly string[]): Promise<void> {
  await asTenant(testDatabase.database, tenantId, async ({ orm }) => {
    const collection = await requireCollection(orm, tenantId);
    for (const [chunk, content] of contents.entries())
      await orm.execute(sql`
        INSERT INTO cairn.documents AS d (tenant_id, collection_id, id, chunk, content)
        VALUES (${tenantId}, ${collection.id}, ${id}, ${chunk}, ${content})
        ON CONFLICT (tenant_id, collection_id, id, chunk) DO UPDATE
          SET content = excluded.content, updated_at = excluded.updated_at`);
    await orm.execute(sql`
      DELETE FROM cairn.documents WHERE ${inCollection(collection)} AND id = ${id} AND chunk >= ${contents.length}`);
  });
}

test("after an earlier version replaces a text, the offsets of the previous text are ignored", async () => {
  const sizes = { maxTokens: 16, overlap: 8 };
  await put("mixed", "same ".repeat(100), sizes);
  expect((await fetched("mixed")).passages.length).toBeGreaterThan(3);
  const halves = ["The first half of it ends with these words, ", "ends with these words, and here is the second."];
  await writeWithoutOffsets("mixed", halves);
  const { text, passages } = await fetched("mixed");
  expect(passages.map(({ offset }) => offset)).toEqual([null, null]);
  expect(text).toBe("The first half of it ends with these words, and here is the second.");
  await put("mixed", "same ".repeat(90), sizes);
  expect((await fetched("mixed")).text).toBe("same ".repeat(90));
});

test("a document that an earlier version wrote is joined without offsets", async () => {
  await writeWithoutOffsets("old", [
    "One sentence that is long enough. Another one here.",
    "Another one here. The last.",
  ]);
  expect((await fetched("old")).text).toBe("One sentence that is long enough. Another one here. The last.");
});

test("a change of model keeps the offsets", async () => {
  const text = `${"A word or two.\r\n\r\n\r\n".repeat(60)}  `;
  await createCollection(testDatabase.database, tenantId, {
    name: "changed",
    dimensions: 4,
    embeddingModel: "offline/words",
  });
  await ingest(services, tenantId, {
    collection: "changed",
    documents: [{ id: "a", content: text }],
    maxTokens: 20,
  });
  const other = {
    ...services,
    embedders: { ...services.embedders, get: () => services.embedders.get("offline/words") },
  };
  await changeModel(other, tenantId, "offline/words2", { collection: "changed" });
  const [document] = await getDocuments(testDatabase.database, tenantId, {
    collection: "changed",
    ids: ["a"],
  });
  expect(document?.passages.length).toBeGreaterThan(3);
  expect(document && documentText(document)).toBe(text);
});

test("a collection's chunk sizes apply to later ingests, and the sizes of a call take precedence", async () => {
  const text = "One two three four five six seven eight nine ten. ".repeat(40);
  await createCollection(testDatabase.database, tenantId, {
    name: "sized",
    dimensions: 4,
    embeddingModel: "offline/words",
    chunking: { maxTokens: 32, overlap: 0 },
  });
  const passages = async (id: string, sizes = {}) =>
    (await ingest(services, tenantId, { collection: "sized", documents: [{ id, content: text }], ...sizes })).passages;
  const before = await passages("a");
  expect(before).toBeGreaterThan(10);
  await changeCollection(testDatabase.database, tenantId, "sized", { chunking: { maxTokens: 64 } });
  expect(
    (await getDocuments(testDatabase.database, tenantId, { collection: "sized", ids: ["a"] }))[0]?.passages,
  ).toHaveLength(before);
  expect(await passages("b")).not.toBe(before);
  expect(await passages("c", { maxTokens: 32, overlap: 0 })).toBe(before);
});

test.each([
  [{ maxTokens: 8 }, "chunking.maxTokens"],
  [{ maxTokens: 9_000 }, "chunking.maxTokens"],
  [{ maxTokens: 300 }, "chunking.maxTokens"], // all-MiniLM-L6-v2 reads 256
  [{ overlap: 129 }, "chunking.overlap"],
  [{ maxTokens: 100, overlap: 51 }, "chunking.overlap"],
  [{ size: 1 }, "chunking.size"],
])("chunking %j is rejected with the path to the error", async (chunking, path) => {
  const options = {
    name: "refused",
    embeddingModel: "local/all-MiniLM-L6-v2",
    chunking: chunking as ChunkSettings,
  };
  await expect(createCollection(testDatabase.database, tenantId, options)).rejects.toMatchObject({
    code: "invalid_input",
    path,
  });
});

test("by default passages are no longer than the model's limit", async () => {
  const embedder = { ...services.embedders.get("offline/words"), maxTextTokens: 40 };
  const limited = { ...services, embedders: { ...services.embedders, get: () => embedder } };
  const text = "One two three four five six seven eight nine ten. ".repeat(40);
  await ingest(limited, tenantId, { documents: [{ id: "limited", content: text }] });
  const { passages } = await fetched("limited");
  for (const { content } of passages) expect((content ?? "").split(" ").length).toBeLessThan(45);
  const tooLong = ingest(limited, tenantId, { documents: [{ id: "x", content: text }], maxTokens: 41 });
  await expect(tooLong).rejects.toMatchObject({ code: "invalid_input", path: "maxTokens" });
});
