import fc from "fast-check";
import { expect, test } from "vitest";
import { type ChunkOptions, chunkRanges } from "./chunk.ts";
import { joinPassages } from "./join.ts";
import type { ChunkRange } from "./pack.ts";

const passagesOf = (contents: readonly (string | null)[]) =>
  contents.map((content, chunk) => ({ chunk, content, offset: null, embedded: true }));

/** Passages as the current version writes them, with offsets. */
const passagesWithOffsets = (text: string, ranges: readonly ChunkRange[]) =>
  ranges.map(({ start, end }, chunk) => ({
    chunk,
    content: text.slice(start, end),
    offset: start,
    embedded: true,
  }));

/** The text according to the ranges, without the white space that no passage contains. */
function textOfRanges(text: string, ranges: readonly ChunkRange[]): string {
  let expected = "";
  let covered: number | undefined;
  for (const { start, end } of ranges) {
    if (covered !== undefined && start >= covered) expected += "\n";
    expected += text.slice(Math.max(start, covered ?? start), end);
    covered = end;
  }
  return expected;
}

/** A range as earlier versions split it: without white space at its ends. */
function trimRange(text: string, { start, end }: ChunkRange): ChunkRange {
  const content = text.slice(start, end);
  const from = start + content.length - content.trimStart().length;
  return { start: from, end: from + content.trim().length };
}

async function split(text: string, options?: ChunkOptions) {
  const ranges = (await chunkRanges(text, options)).map((range) => trimRange(text, range));
  const joined = joinPassages(passagesOf(ranges.map(({ start, end }) => text.slice(start, end))));
  return { passages: ranges.length, joined, expected: textOfRanges(text, ranges) };
}

const word = fc.oneof(
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }),
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.constantFrom("hello", "refund.", "policy!", "退货政策。", "นโยบาย", "👩‍👩‍👧‍👦", "\ud83d", "\udc00x", "-----", "0"),
);
const gap = fc.constantFrom(" ", " ", " ", ". ", "\n", "\n\n", "\r\n\r\n", "\t", " ".repeat(150), "");
/** The numbers prevent repetition. */
const longText = fc
  .array(fc.tuple(word, gap), { minLength: 100, maxLength: 400, size: "max" })
  .map((parts) => parts.map(([one, after], n) => `${n.toString(36)}${one}${after}`).join(""));

test.each<ChunkOptions>([{}, { overlap: 0 }, { maxTokens: 2000, overlap: 400 }])(
  "any long text split with %j is joined again, except for white space that no passage contains",
  async (options) => {
    let maxPassages = 0;
    const property = fc.asyncProperty(longText, async (text) => {
      const { passages, joined, expected } = await split(text, options);
      expect(joined).toBe(expected);
      expect(joined.replace(/\s+/g, "")).toBe(text.replace(/\s+/g, ""));
      maxPassages = Math.max(maxPassages, passages);
    });
    await fc.assert(property, { numRuns: 60 });
    expect(maxPassages).toBeGreaterThan(1);
  },
);

/** Any text that a tenant may send: white space of any kind and width, CRLF, NUL, halves of surrogate pairs, repetitions. */
const anyText = fc
  .array(
    fc.oneof(
      word,
      gap,
      fc.string({ unit: "binary", maxLength: 80 }),
      fc.constantFrom("\0", "\ufffe", "\ufeff", "\u00a0\u2028\u2029\u0085", "\r", " \r\n ".repeat(70), "a".repeat(500)),
      fc.tuple(word, fc.integer({ min: 2, max: 90 })).map(([one, times]) => `${one} `.repeat(times)),
    ),
    { maxLength: 80, size: "max" },
  )
  .map((parts) => parts.join(""));

const anySizes = fc
  .integer({ min: 16, max: 120 })
  .chain((max) => fc.tuple(fc.constant(max), fc.integer({ min: 0, max: Math.floor(max / 2) })));

test("passages with offsets of any text and any sizes join to the exact text", async () => {
  let maxPassages = 0;
  const property = fc.asyncProperty(anyText, anySizes, async (text, [maxTokens, overlap]) => {
    fc.pre(text.trim() !== "");
    const ranges = await chunkRanges(text, { maxTokens, overlap });
    expect(joinPassages(passagesWithOffsets(text, ranges)) === text).toBe(true);
    maxPassages = Math.max(maxPassages, ranges.length);
  });
  await fc.assert(property, { numRuns: 200 });
  expect(maxPassages).toBeGreaterThan(10);
});

test("offsets that contradict the texts are ignored", () => {
  const passages = [
    { chunk: 0, content: "One two three four five", offset: 0, embedded: true },
    { chunk: 1, content: "two three four five six seven", offset: 9, embedded: true },
  ];
  expect(joinPassages(passages)).toBe("One two three four five six seven");
});

const sentence = (number: number) =>
  `Sentence number ${number} says that every customer may return what was bought within thirty days.`;

const REPEATED = [
  ["words", "lorem ipsum dolor sit amet ".repeat(2000)],
  ["one word", "refund ".repeat(5000)],
  ["a sentence", `${sentence(1)} `.repeat(300)],
  ["a paragraph", `${[1, 2, 3].map(sentence).join(" ")}\n\n`.repeat(100)],
  ["a page", `${Array.from({ length: 13 }, (_, index) => sentence(index)).join(" ")}\n\n`.repeat(50)],
  ["Chinese", "我们的退货政策是三十天内可以退款。".repeat(2000)],
  ["emoji", "👩‍👩‍👧‍👦".repeat(1000)],
  ["noughts", "0,0,0,0\n".repeat(3000)],
  ["lines of a log", "2026-01-01T00:00:00 GET /health 200\n".repeat(2000)],
] as const;

test.each(REPEATED)("a text that repeats %s is joined exactly without offsets", async (_, text) => {
  const { passages, joined } = await split(text);
  expect(passages).toBeGreaterThan(5);
  expect(joined === text.trimEnd()).toBe(true);
});

test.each([
  ...REPEATED,
  ["one unbroken run", "a".repeat(41_150)],
  ["blanks", `a${" ".repeat(9000)}`.repeat(9)],
] as const)("a text that repeats %s is joined exactly with offsets", async (_, text) => {
  for (const overlap of [0, 3, 400]) {
    const ranges = await chunkRanges(text, { overlap });
    expect(ranges.length).toBeGreaterThan(5);
    expect(joinPassages(passagesWithOffsets(text, ranges)) === text).toBe(true);
  }
});

test("a word that happens to end one passage and start the next is kept in both", () => {
  const joined = joinPassages(passagesOf(["It was a refund", "refund of nothing", "gone, and more"]));
  expect(joined).toBe("It was a refund\nrefund of nothing\ngone, and more");
});

test("one passage is the unchanged text with its white space, and a passage without text adds nothing", () => {
  expect(joinPassages(passagesOf(["  A short note.\n\n"]))).toBe("  A short note.\n\n");
  expect(joinPassages(passagesOf([null]))).toBe("");
  expect(joinPassages([])).toBe("");
});

test.each([
  ["prose", Array.from({ length: 55_000 }, (_, index) => sentence(index)).join(" ")],
  ["one unbroken run", "a".repeat(5_000_000)],
])("five megabytes of %s are joined in less than a second of CPU time", (_, text) => {
  const starts = Array.from({ length: Math.ceil(text.length / 2000) - 1 }, (_, index) => index * 2000);
  const passages = passagesOf(starts.map((start) => text.slice(start, start + 4000)));
  const started = process.cpuUsage();
  const joined = joinPassages(passages);
  expect(process.cpuUsage(started).user / 1000).toBeLessThan(1000);
  expect(joined === text).toBe(true);
});
