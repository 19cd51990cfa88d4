import fc from "fast-check";
import { countTokens } from "gpt-tokenizer/encoding/cl100k_base";
import { expect, test } from "vitest";
import { planBatches } from "./batch.ts";
import { countInSlices, loadTokenizer, tokenUpperBound } from "./tokens.ts";

test("batches contain every text once, in order, and within both limits", async () => {
  const property = fc.asyncProperty(
    fc.array(fc.string({ minLength: 1, unit: "binary" }), { maxLength: 40 }),
    fc.integer({ min: 1, max: 10 }),
    fc.integer({ min: 1, max: 60 }),
    async (texts, maxInputs, maxTokens) => {
      const batches = await planBatches(texts, { maxInputs, maxTokens });
      expect(batches.flatMap((batch) => batch.texts)).toEqual(texts);
      for (const batch of batches) {
        expect(batch.texts).toEqual(texts.slice(batch.offset, batch.offset + batch.texts.length));
        expect(batch.texts.length).toBeLessThanOrEqual(maxInputs);
        const tokens = batch.texts.reduce((sum, text) => sum + countTokens(text, { disallowedSpecial: new Set() }), 0);
        expect(batch.texts.length === 1 || tokens <= maxTokens).toBe(true);
      }
    },
  );
  await fc.assert(property);
});

test("2,000 English passages are divided by their tokens, not by their bytes", async () => {
  const passage = "The customer may return any item within thirty days of delivery. ".repeat(40); // 520 tokens, 2,600 bytes
  const batches = await planBatches(Array(2000).fill(passage), { maxInputs: 2048, maxTokens: 250_000 });
  expect(batches.length).toBe(Math.ceil(2000 / Math.floor(250_000 / countTokens(passage))));
});

test("no text has more tokens than bytes, and counting in slices differs by less than 1%", async () => {
  const count = await loadTokenizer();
  const property = fc.property(fc.string({ unit: "binary" }), (text) => {
    expect(count(text)).toBeLessThanOrEqual(tokenUpperBound(text));
  });
  fc.assert(property);
  const long = "Wir öffnen um neun Uhr; we close at 18:30 — die Rückgabe ist kostenlos.\n".repeat(500);
  expect(Math.abs(countInSlices(count, long) - count(long))).toBeLessThan(count(long) / 100);
});
