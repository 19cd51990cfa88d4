import { sql } from "drizzle-orm";
import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { documentsOf, vector } from "../../../test/support/documents.ts";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { inCollection } from "../collection/collection.ts";
import { createCollection } from "../collection/create.ts";
import { getCollection } from "../collection/get.ts";
import { asTenant } from "../database/transaction.ts";
import type { Passage } from "../document/document.ts";
import { ingest } from "../document/ingest.ts";
import type { Expansion } from "./expansion.ts";
import type { Hit } from "./hit.ts";
import { type QueryOptions, query } from "./query.ts";

const testDatabase = useTestDatabase();
const { services } = testDatabase;
const tenantId = useTenant(testDatabase);
const documents = documentsOf(testDatabase, tenantId);
beforeAll(async () => {
  await createCollection(testDatabase.database, tenantId, { embeddingModel: "offline/words", dimensions: 512 });
});

interface Text {
  readonly id: string;
  readonly content: string;
  readonly format?: "markdown";
}

const put = (document: Text, sizes: { maxTokens?: number; overlap?: number } = {}) =>
  ingest(services, tenantId, { documents: [document], maxTokens: 24, overlap: 0, ...sizes });

async function passagesOf(id: string): Promise<readonly Passage[]> {
  const [document] = await documents.read("knowledge", id);
  return document?.passages ?? [];
}

const search = (text: string, options: Partial<QueryOptions> = {}) =>
  query(services, tenantId, { text, mode: "keyword", topK: 3, ...options });

async function updateRows(change: ReturnType<typeof sql>): Promise<void> {
  const collection = await getCollection(testDatabase.database, tenantId, "knowledge");
  await asTenant(testDatabase.database, tenantId, ({ orm }) =>
    orm.execute(sql`UPDATE cairn.documents SET ${change} AND ${inCollection(collection)}`),
  );
}

/** Sentences of 13 to 24 tokens, each a passage of its own. */
const sentences = (name: string, count: number) =>
  Array.from({ length: count }, (_, n) => `The ${name} has a fact with the marker ${name}mark${n}x.`);

/** Asserts that a hit is the part of the text that it says, and that its matches are the passages that they name. */
function expectExact(hit: Hit, text: string, passages: readonly Passage[]): void {
  const { start = 0, end = 0, matches = [], firstChunk, lastChunk } = hit.expanded ?? {};
  expect(hit.content).toBe(text.slice(start, end));
  expect(matches[0]?.chunk).toBe(hit.chunk);
  for (const match of matches) {
    expect(hit.content?.slice(match.start, match.end)).toBe(passages[match.chunk]?.content);
    expect(match.chunk).toBeGreaterThanOrEqual(firstChunk ?? Number.NaN);
    expect(match.chunk).toBeLessThanOrEqual(lastChunk ?? Number.NaN);
  }
}

test("a hit has the passages before and after it, as they stand in the document", async () => {
  const content = sentences("heron", 9).join("\n\n");
  await put({ id: "heron", content });
  const passages = await passagesOf("heron");
  expect(passages).toHaveLength(9);
  const [hit] = await search("heronmark4x", { topK: 1, expand: { before: 1, after: 2 } });
  expect(hit).toMatchObject({ id: "heron", chunk: 4, expanded: { firstChunk: 3, lastChunk: 6, truncated: false } });
  expect(hit?.content?.trim()).toBe(sentences("heron", 9).slice(3, 7).join("\n\n"));
  expectExact(hit as Hit, content, passages);
});

test("the ends of a document are the ends of the text", async () => {
  const content = sentences("egret", 3).join("\n\n");
  await put({ id: "egret", content });
  const [hit] = await search("egretmark0x", { topK: 1, expand: { before: 20, after: 20 } });
  expect(hit).toMatchObject({ content, expanded: { firstChunk: 0, lastChunk: 2, start: 0, end: content.length } });
  expect(hit?.expanded?.truncated).toBe(false);
});

test("text that passages repeat occurs once, in any text with any chunking", async () => {
  const word = fc.oneof(
    fc.constantFrom("退货政策。", "\0", "\ud83d", "👩‍👩‍👧‍👦", "same same ", "0, 0, 0, ", "\n\n", "\r\n", ". "),
    fc.string({ unit: "binary", maxLength: 20 }),
    fc.constant("needle "),
  );
  const property = fc.asyncProperty(
    fc.array(word, { minLength: 20, maxLength: 150 }).map((words) => `needle ${words.join("")}`),
    fc.record({ maxTokens: fc.integer({ min: 16, max: 40 }), share: fc.double({ min: 0, max: 0.5, noNaN: true }) }),
    fc.record({ before: fc.nat(4), after: fc.nat(4), section: fc.boolean() }),
    async (content, { maxTokens, share }, expand: Expansion) => {
      fc.pre(Boolean(expand.before || expand.after || expand.section));
      await put({ id: "any", content }, { maxTokens, overlap: Math.floor(maxTokens * share) });
      const passages = await passagesOf("any");
      const hits = await search("needle", { mode: "hybrid", topK: 10, expand });
      const own = hits.filter(({ id }) => id === "any");
      expect(own.length).toBeGreaterThan(0);
      for (const hit of own) expectExact(hit, content, passages);
      const ranges = own.map(({ expanded }) => expanded).sort((a, b) => (a?.start ?? 0) - (b?.start ?? 0));
      for (const [at, range] of ranges.entries()) expect(range?.start).toBeGreaterThanOrEqual(ranges[at - 1]?.end ?? 0); // no text is returned twice
    },
  );
  await fc.assert(property, { numRuns: 15 });
});

const GUIDE = `Preface of the osprey guide, before any heading stands here.

# Osprey guide

Introduction with ospreyintro and some words to fill up the passage.

## Nesting

${sentences("nest", 4).join("\n\n")}

### Eggs

${sentences("egg", 3).join("\n\n")}

## Feeding

${sentences("feed", 4).join("\n\n")}
`;

test("section returns the section of a hit with the ones below it and its heading", async () => {
  await put({ id: "guide", content: GUIDE, format: "markdown" });
  const passages = await passagesOf("guide");
  const [hit] = await search("nestmark2x", { topK: 1, expand: { section: true } });
  expect(hit?.headings).toEqual(["Osprey guide", "Nesting"]);
  expectExact(hit as Hit, GUIDE, passages);
  expect(hit?.content).toMatch(/^## Nesting\n\n/);
  expect(hit?.content).toContain("eggmark2x");
  expect(hit?.content).not.toMatch(/ospreyintro|feedmark/);
  const [inner] = await search("eggmark1x", { topK: 1, expand: { section: true } });
  expect(inner?.headings).toEqual(["Osprey guide", "Nesting", "Eggs"]);
  expect(inner?.content).toMatch(/^### Eggs\n\n/);
  expect(inner?.content).not.toMatch(/nestmark|feedmark/);
});

test("section begins at its heading if that is in the middle of a passage", async () => {
  await put(
    { id: "middle", content: GUIDE.replaceAll("mark", "mid"), format: "markdown" },
    { maxTokens: 60, overlap: 30 },
  );
  const passages = await passagesOf("middle");
  const heading = GUIDE.replaceAll("mark", "mid").indexOf("## Feeding");
  expect(passages.some(({ offset }) => offset === heading)).toBe(false);
  const [hit] = await search("feedmid3x", { topK: 1, expand: { section: true } });
  expect(hit?.headings).toEqual(["Osprey guide", "Feeding"]);
  expect(hit?.expanded?.start).toBe(heading);
  expectExact(hit as Hit, GUIDE.replaceAll("mark", "mid"), passages);
});

test("the text before the first heading, and a text without headings, are sections of their own", async () => {
  await put({ id: "preface", content: GUIDE.replaceAll("osprey", "kestrel"), format: "markdown" });
  const [preface] = await search("Preface kestrel", { topK: 1, expand: { section: true }, mode: "keyword" });
  expect(preface).toMatchObject({ id: "preface", chunk: 0 });
  expect(preface?.content).not.toContain("kestrelintro");
  const plain = sentences("plain", 5).join("\n\n");
  await put({ id: "plain", content: plain });
  const [hit] = await search("plainmark2x", { topK: 1, expand: { section: true } });
  expect(hit?.content).toBe(plain);
});

test("before and section together return the larger text", async () => {
  const [hit] = await search("eggmark0x", { topK: 1, expand: { section: true, before: 2 } });
  expect(hit?.content).toMatch(/nestmark3x[\s\S]*eggmark2x/);
  expect(hit?.content).not.toContain("feedmark");
});

test("hits whose texts overlap are one hit: the better one, which names both", async () => {
  const content = sentences("rail", 12).join("\n\n");
  await put({ id: "rail", content });
  const passages = await passagesOf("rail");
  const text = "railmark2x railmark3x railmark9x";
  const plain = await search(text, { topK: 3 });
  const first = plain.find(({ chunk }) => chunk === 2 || chunk === 3);
  const hits = await search(text, { topK: 3, expand: { before: 1, after: 1 } });
  expect(hits).toHaveLength(2);
  const near = hits.find(({ expanded }) => expanded?.matches.length === 2) as Hit;
  expect(near).toMatchObject({ chunk: first?.chunk, score: first?.score, expanded: { firstChunk: 1, lastChunk: 4 } });
  expect(near.expanded?.matches.map(({ chunk }) => chunk).sort()).toEqual([2, 3]);
  for (const hit of hits) expectExact(hit, content, passages);
});

test("a third hit between two joins them", async () => {
  const hits = await search("railmark1x railmark5x railmark3x", { topK: 3, expand: { before: 1, after: 1 } });
  expect(hits).toHaveLength(1);
  expect(hits[0]?.expanded).toMatchObject({ firstChunk: 0, lastChunk: 6 });
  expect(hits[0]?.expanded?.matches).toHaveLength(3);
});

test("grouped by document, each document is expanded once", async () => {
  await put({ id: "crake", content: sentences("rail", 6).join("\n\n") });
  const hits = await search("railmark2x", { topK: 10, groupBy: "document", expand: { after: 1 } });
  expect(hits.map(({ id }) => id).sort()).toEqual(["crake", "rail"]);
  for (const { expanded, others } of hits) {
    expect(expanded).toMatchObject({ firstChunk: 2, lastChunk: 3 });
    expect(others).toBe(0);
  }
});

test("passages without offsets are returned as they are", async () => {
  await put({ id: "old", content: sentences("stork", 5).join("\n\n") });
  await updateRows(sql`text_offset = NULL, offset_at = NULL WHERE id = 'old'`);
  const [plain] = await search("storkmark2x", { topK: 1 });
  const [hit] = await search("storkmark2x", { topK: 1, expand: { before: 1, after: 1, section: true } });
  expect(hit).toEqual({ ...plain, expanded: null });
});

test("a document whose stored offsets contradict its texts is returned as it is", async () => {
  await put({ id: "moved", content: sentences("swift", 5).join("\n\n") });
  await updateRows(sql`text_offset = text_offset + 7 WHERE chunk = 2 AND id = 'moved'`);
  const [hit] = await search("swiftmark2x", { topK: 1, expand: { before: 1 } });
  expect(hit).toMatchObject({ chunk: 2, expanded: null });
});

test("a document with a vector of its own is one passage, and is its own text", async () => {
  const name = await documents.collection(4);
  await documents.put(name, { id: "own", content: "a b c", embedding: vector(1, 0, 0, 0) });
  const [hit] = await query(services, tenantId, {
    ...{ collection: name, embedding: vector(1, 0, 0, 0) },
    expand: { before: 3, after: 3, section: true },
  });
  expect(hit).toMatchObject({ content: "a b c", expanded: { firstChunk: 0, lastChunk: 0, start: 0, end: 5 } });
});

test("a record without text, as Chroma has them, stays without", async () => {
  const name = await documents.collection(4);
  await documents.put(name, { id: "bare", content: null, embedding: vector(1, 0, 0, 0) });
  const [hit] = await query(services, tenantId, {
    collection: name,
    embedding: vector(1, 0, 0, 0),
    expand: { after: 1 },
  });
  expect(hit).toMatchObject({ id: "bare", content: null, expanded: null });
});

test("a text is cut at 100,000 bytes around the hit, and says so", async () => {
  const long = Array.from({ length: 60 }, (_, n) => `wide${n}mark ${`word${n} `.repeat(600)}`).join("\n\n");
  await put({ id: "wide", content: long }, { maxTokens: 2_000, overlap: 0 });
  const passages = await passagesOf("wide");
  const [hit] = await search("wide30mark", { topK: 1, expand: { section: true } });
  expect(hit?.expanded?.truncated).toBe(true);
  expect(Buffer.byteLength(hit?.content ?? "")).toBeLessThanOrEqual(100_000);
  expect(Buffer.byteLength(hit?.content ?? "")).toBeGreaterThan(50_000);
  expectExact(hit as Hit, long, passages);
});

test("the texts of all hits stay within the limit of a response", async () => {
  const maxBytes = 3_000;
  const hits = await search("railmark1x railmark5x railmark9x", {
    topK: 3,
    expand: { before: 20, after: 20 },
    maxBytes,
  });
  const bytes = hits.reduce((sum, hit) => sum + Buffer.byteLength(hit.content ?? ""), 0);
  expect(bytes).toBeLessThanOrEqual(maxBytes);
  expect(hits.some(({ expanded }) => expanded?.truncated)).toBe(false); // 12 passages of 50 bytes fit
  const [short] = await search("railmark5x", { topK: 1, expand: { before: 20, after: 20 }, maxBytes: 200 });
  expect(short?.expanded?.truncated).toBe(true);
  expect(Buffer.byteLength(short?.content ?? "")).toBeLessThanOrEqual(200);
});

test("another tenant's document with the same id adds nothing", async () => {
  const other = await import("../tenant/tenant.ts").then((tenants) => tenants.createTenant(testDatabase.database, {}));
  const content = sentences("gull", 4).join("\n\n");
  await put({ id: "gull", content });
  await createCollection(testDatabase.database, other.id, { embeddingModel: "offline/words", dimensions: 512 });
  await ingest(services, other.id, { documents: [{ id: "gull", content: "gullmark1x of the other tenant" }] });
  const [hit] = await search("gullmark1x", { topK: 1, expand: { before: 5, after: 5 } });
  expect(hit?.content).toBe(content);
  const [theirs] = await query(services, other.id, { text: "gullmark1x", expand: { before: 5, after: 5 } });
  expect(theirs?.content).toBe("gullmark1x of the other tenant");
});

test.each<readonly [Partial<QueryOptions>, string]>([
  [{ expand: {} }, "expand"],
  [{ expand: { before: 0, section: false } }, "expand"],
  [{ expand: { before: 21 } }, "expand.before"],
  [{ expand: { after: 1.5 } }, "expand.after"],
  [{ expand: { after: 1 }, include: ["metadata"] }, "expand"],
])("%j is refused with the path %s", async (options, path) => {
  await expect(search("rail", options)).rejects.toMatchObject({ code: "invalid_input", path });
});

test("expanding takes one statement more", async () => {
  let reads = 0;
  const database = {
    ...testDatabase.database,
    read: (...args: Parameters<typeof testDatabase.database.read>) => {
      reads++;
      return testDatabase.database.read(...args);
    },
  };
  const count = async (options: Partial<QueryOptions>) => {
    reads = 0;
    await query({ ...services, database }, tenantId, { text: "railmark3x", mode: "hybrid", ...options });
    return reads;
  };
  await count({});
  const plain = await count({});
  expect(await count({ expand: { before: 1, section: true } })).toBe(plain + 1);
});
