import { stringifyJson } from "@cairn/core/database/json.ts";
import { expect, test } from "vitest";
import { edgeCaseRecords, encodeVector } from "./edge-cases.ts";
import { type DemoTenant, loadKnowledge } from "./knowledge.ts";

const tenants = await loadKnowledge();

/** Cosine similarity of word counts: the simplest possible embedder. */
function similarity(a: string, b: string): number {
  const count = (text: string) => {
    const counts = new Map<string, number>();
    for (const word of text.toLowerCase().match(/\p{L}+/gu) ?? []) counts.set(word, (counts.get(word) ?? 0) + 1);
    return counts;
  };
  const [first, second] = [count(a), count(b)];
  const length = (counts: Map<string, number>) => Math.hypot(...counts.values());
  let dot = 0;
  for (const [word, times] of first) dot += times * (second.get(word) ?? 0);
  return dot / (length(first) * length(second));
}

function bestPassage(tenant: DemoTenant, question: string): string {
  const ranked = tenant.passages.map(({ text }) => ({ text, score: similarity(text, question) }));
  return ranked.sort((a, b) => b.score - a.score)[0]?.text ?? "";
}

test("four tenants have 31 or 32 passages each, of 40 to 120 words, with unique ids", () => {
  expect(tenants.map(({ passages }) => passages.length)).toEqual([32, 31, 32, 32]);
  expect(new Set(tenants.map(({ hex }) => hex)).size).toBe(4);
  for (const { hex, passages } of tenants) {
    expect(hex).toMatch(/^[0-9a-f]{32}$/);
    expect(new Set(passages.map(({ id }) => id)).size).toBe(passages.length);
    for (const { id, text } of passages) {
      const words = text.split(/\s+/).length;
      expect(words >= 40 && words <= 120, `${id}: ${words} words`).toBe(true);
    }
  }
});

test.each(["What is our return policy?", "return policy"])(
  "the query %s finds each tenant's own answer first",
  (question) => {
    const answers = tenants.map((tenant) => bestPassage(tenant, question));
    const days = answers.map((answer) => answer.match(/(\d+) days/)?.[1]);
    expect(days).toEqual(["60", "14", "30", "21"]);
  },
);

test("metadata contains integers, floats, booleans and timestamps", () => {
  for (const { metadata } of tenants.flatMap(({ passages }) => passages)) {
    expect(Number.isInteger(metadata.version)).toBe(true);
    expect(typeof metadata.public).toBe("boolean");
    expect(new Date(String(metadata.updated)).toISOString()).toBe(`${String(metadata.updated).slice(0, -1)}.000Z`);
  }
  const prices = tenants.flatMap(({ passages }) => passages.flatMap(({ metadata }) => metadata.price ?? []));
  expect(prices.filter((price) => !Number.isInteger(price)).length).toBeGreaterThan(8);
});

test("edgeCaseRecords() returns a vector of the requested dimensions or a text for each record", () => {
  const records = edgeCaseRecords(3);
  expect(new Set(records.map(({ id }) => id)).size).toBe(records.length);
  for (const { document, vector, values } of records) {
    if (vector === "text") expect([values, Boolean(document)]).toEqual([null, true]);
    else expect(values).toHaveLength(3);
  }
  expect(records.find(({ id }) => id.startsWith("awkward-long-"))?.id).toHaveLength(5_000);
});

test("numbers of edge cases keep their spelling in JSON", () => {
  const serialized = edgeCaseRecords(3).map(({ metadata }) => stringifyJson(metadata));
  expect(serialized.join()).toContain('"above":9007199254740993,');
  expect(serialized.join()).toContain('"whole":2.0,');
});

test("encodeVector() writes float32 values, including NaN", () => {
  const bytes = Buffer.from(encodeVector([1, Number.NaN]), "base64");
  expect([bytes.length, bytes.readFloatLE(0), bytes.readFloatLE(4)]).toEqual([8, 1, Number.NaN]);
});
