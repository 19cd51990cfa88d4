import { expect, test } from "vitest";
import { createGloveEmbedder } from "./embedder.ts";

const embedder = createGloveEmbedder();

async function embed(...texts: readonly string[]): Promise<readonly Float32Array[]> {
  return (await embedder.embed(texts, { dimensions: 1536 })) as readonly Float32Array[];
}

function similarity(a: Float32Array | undefined, b: Float32Array | undefined): number {
  return (a as Float32Array).reduce((sum, element, at) => sum + element * (b?.[at] ?? 0), 0);
}

test("a question finds the passage that has none of its words", async () => {
  const passages = [
    "Refunds go to the credit card within a month.",
    "Stores open Monday to Saturday, 10 am till 7 pm.",
    "Wash down jackets once each season at 30 degrees.",
  ];
  const questions = ["getting money repaid", "visiting hours of your shops", "laundering feather coats"];
  const vectors = await embed(...passages);
  for (const [at, question] of (await embed(...questions)).entries()) {
    const similarities = vectors.map((vector) => similarity(vector, question));
    expect(similarities.indexOf(Math.max(...similarities))).toBe(at);
  }
});

test("a name that is not in the table is found by its letters", async () => {
  const [question, ...parts] = await embed(
    "Klatre 4711",
    "The sling Klatre 4711 was recalled.",
    "The sling Fjell 12 was.",
  );
  expect(similarity(question, parts[0])).toBeGreaterThan(similarity(question, parts[1]) + 0.1);
});

test("every text has a vector of unit length, the same in any batch", async () => {
  const odd = [
    "",
    " ",
    "xqzptlk",
    "日本語のテキスト",
    "\ud800",
    "a\u0000b",
    "__proto__ constructor",
    "x".repeat(10_000),
    "word ".repeat(20_000),
  ];
  const together = await embed(...odd);
  for (const vector of together) {
    expect(vector).toHaveLength(1536);
    expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
  }
  for (const [at, text] of odd.entries()) expect((await embed(text))[0]).toEqual(together[at]);
});

test("a word counts for the meaning in any case and Unicode form", async () => {
  const [first, second] = await embed("CAFÉ refund", "cafe\u0301 Refund");
  expect(first).toEqual(second);
});

test("vectors do not change between versions, because they are stored", async () => {
  const [vector] = await embed("return policy");
  expect(Array.from((vector as Float32Array).slice(0, 4), (element) => element.toFixed(4))).toMatchInlineSnapshot(`
    [
      "0.0320",
      "-0.0904",
      "0.0000",
      "-0.0511",
    ]
  `);
});

test("batches are delivered with their indexes, and a signal cancels the work", async () => {
  const texts = Array.from({ length: 70 }, (_, index) => `text ${index}`);
  const offsets: number[] = [];
  await embedder.embed(texts, {
    dimensions: 1536,
    onBatch: async ([first]) => void offsets.push(first?.index as number),
  });
  expect(offsets).toEqual([0, 32, 64]);
  const signal = AbortSignal.abort(new Error("stop"));
  await expect(embedder.embed(texts, { dimensions: 1536, signal })).rejects.toThrow("stop");
});

test("other dimensions are refused", async () => {
  await expect(embedder.embed(["a"], { dimensions: 384 })).rejects.toMatchObject({ code: "dimension_mismatch" });
});
