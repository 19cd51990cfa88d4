import fc from "fast-check";
import { expect, test } from "vitest";
import { type ChunkOptions, type ChunkRange, chunkRanges } from "./chunk.ts";
import { joinPassages } from "./join.ts";

const passagesOf = (contents: readonly (string | null)[]) =>
  contents.map((content, chunk) => ({ chunk, content, embedded: true }));

/** What the passages' places say the text is, but for white space that is in none of them. */
function wholeOf(text: string, ranges: readonly ChunkRange[]): string {
  let whole = "";
  let covered: number | undefined;
  for (const { start, end } of ranges) {
    if (covered !== undefined && start >= covered) whole += "\n";
    whole += text.slice(Math.max(start, covered ?? start), end);
    covered = end;
  }
  return whole;
}

async function split(text: string, options?: ChunkOptions) {
  const ranges = await chunkRanges(text, options);
  const joined = joinPassages(passagesOf(ranges.map(({ start, end }) => text.slice(start, end))));
  return { passages: ranges.length, joined, whole: wholeOf(text, ranges) };
}

const word = fc.oneof(
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }),
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.constantFrom(
    "hello",
    "refund.",
    "policy!",
    "退货政策。",
    "นโยบาย",
    "👩‍👩‍👧‍👦",
    "\ud83d",
    "\udc00x",
    "-----",
    "0",
  ),
);
const gap = fc.constantFrom(" ", " ", " ", ". ", "\n", "\n\n", "\r\n\r\n", "\t", " ".repeat(150), "");
/** The numbers keep it from repeating itself. */
const longText = fc
  .array(fc.tuple(word, gap), { minLength: 100, maxLength: 400, size: "max" })
  .map((parts) => parts.map(([one, after], n) => `${n.toString(36)}${one}${after}`).join(""));

test.each<ChunkOptions>([{}, { overlap: 0 }, { maxTokens: 2000, overlap: 400 }])(
  "of any long text that was split with %j: its passages joined are the text, but for white space that none has",
  async (options) => {
    let most = 0;
    const property = fc.asyncProperty(longText, async (text) => {
      const { passages, joined, whole } = await split(text, options);
      expect(joined).toBe(whole);
      expect(joined.replace(/\s+/g, "")).toBe(text.replace(/\s+/g, ""));
      most = Math.max(most, passages);
    });
    await fc.assert(property, { numRuns: 60 });
    expect(most).toBeGreaterThan(1);
  },
);

const sentence = (number: number) =>
  `Sentence number ${number} says that every customer may return what was bought within thirty days.`;

test.each([
  ["one unbroken run", "a".repeat(41_150)],
  ["words", "lorem ipsum dolor sit amet ".repeat(2000)],
  ["one word", "refund ".repeat(5000)],
  ["a sentence", `${sentence(1)} `.repeat(300)],
  ["a paragraph", `${[1, 2, 3].map(sentence).join(" ")}\n\n`.repeat(100)],
  ["a page", `${Array.from({ length: 13 }, (_, index) => sentence(index)).join(" ")}\n\n`.repeat(50)],
  ["Chinese", "我们的退货政策是三十天内可以退款。".repeat(2000)],
  ["emoji", "👩‍👩‍👧‍👦".repeat(1000)],
  ["noughts", "0,0,0,0\n".repeat(3000)],
  ["lines of a log", "2026-01-01T00:00:00 GET /health 200\n".repeat(2000)],
])("a text of %s again and again has as many of them as before", async (_, text) => {
  const { passages, joined } = await split(text);
  expect(passages).toBeGreaterThan(5);
  expect(joined === text.trimEnd()).toBe(true);
});

test("a word that happens to end one passage and begin the next is kept in both", () => {
  const joined = joinPassages(passagesOf(["It was a refund", "refund of nothing", "gone, and more"]));
  expect(joined).toBe("It was a refund\nrefund of nothing\ngone, and more");
});

test("one passage is the text as it is, its white space included, and one without a text adds none", () => {
  expect(joinPassages(passagesOf(["  A short note.\n\n"]))).toBe("  A short note.\n\n");
  expect(joinPassages(passagesOf([null]))).toBe("");
  expect(joinPassages([])).toBe("");
});

test.each([
  ["prose", Array.from({ length: 55_000 }, (_, index) => sentence(index)).join(" ")],
  ["one unbroken run", "a".repeat(5_000_000)],
])("five megabytes of %s are joined in less than a second of the processor", (_, text) => {
  const starts = Array.from({ length: Math.ceil(text.length / 2000) - 1 }, (_, index) => index * 2000);
  const passages = passagesOf(starts.map((start) => text.slice(start, start + 4000)));
  const begun = process.cpuUsage();
  const joined = joinPassages(passages);
  expect(process.cpuUsage(begun).user / 1000).toBeLessThan(1000);
  expect(joined === text).toBe(true);
});
