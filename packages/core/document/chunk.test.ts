import fc from "fast-check";
import { countTokens } from "gpt-tokenizer/encoding/cl100k_base";
import { expect, test } from "vitest";
import { chunkRanges, chunkText } from "./chunk.ts";

const tokens = (text: string) => countTokens(text, { disallowedSpecial: new Set() });

const word = fc.oneof(
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }),
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.constantFrom(
    "hello",
    "Dr.",
    "3.14",
    "refund.",
    "policy!",
    "退货政策。",
    "นโยบาย",
    "👩‍👩‍👧‍👦",
    "\ud83d",
    "\udc00x",
    "<|endoftext|>",
    "a".repeat(300),
    "-".repeat(200),
    "1,2,3,4",
  ),
);
const gap = fc.constantFrom(" ", " ", " ", ". ", "\n", "\n\n", "\r\n\r\n", "\t", " ".repeat(250), "");
const anyText = fc.array(fc.tuple(word, gap), { maxLength: 120 }).map((parts) => parts.flat().join(""));

/** Words that have more tokens without the space before them: sums over pieces are too low here. */
const wordsWithMoreTokens =
  "0x7f Straße Xylophone e-mail policy! zzz QXZV é refund Xylophone Xylophone thirty refund refund Straße 0x7f ﬀ é refund " +
  "Xylophone refund Xylophone e-mail ﬀ é QXZV antidisestablishment refund uncharacteristically policy! é refund";

test("for any text, chunks and overlaps are within their limits, and chunks cover the text to the last character", async () => {
  const sizes = fc
    .integer({ min: 16, max: 60 })
    .chain((max) => fc.tuple(fc.constant(max), fc.integer({ min: 0, max: Math.floor(max / 2) })));
  const property = fc.asyncProperty(anyText, sizes, async (text, [maxTokens, overlap]) => {
    let covered = 0;
    for (const { start, end } of await chunkRanges(text, { maxTokens, overlap })) {
      expect(tokens(text.slice(start, end).trim())).toBeLessThanOrEqual(maxTokens);
      expect(start).toBeLessThanOrEqual(covered);
      expect(end).toBeGreaterThan(covered);
      if (start < covered) expect(tokens(text.slice(start, covered).trim())).toBeLessThanOrEqual(overlap);
      for (const border of [start, end]) expect(splitsPair(text, border)).toBe(false);
      covered = end;
    }
    expect(covered).toBe(text.trim() === "" ? 0 : text.length);
  });
  await fc.assert(property, { numRuns: 300, examples: [[wordsWithMoreTokens, [17, 1]]] });
});

function splitsPair(text: string, at: number): boolean {
  return /[\ud800-\udbff]/.test(text[at - 1] ?? "") && /[\udc00-\udfff]/.test(text[at] ?? "");
}

test("a text that fits is one unchanged chunk with its white space, and a blank text has no chunks", async () => {
  const fits = "  A short note.\n\n";
  expect(await chunkText(fits)).toEqual([fits]);
  const nearly = `${"word ".repeat(790)}\n`; // 3,951 bytes, so it is counted
  expect(await chunkText(nearly)).toEqual([nearly]);
  expect(await chunkText("")).toEqual([]);
  expect(await chunkText(" \n".repeat(5000))).toEqual([]);
});

const sentence = (number: number) =>
  `Sentence number ${number} says that every customer may return what was bought within thirty days.`;

test("chunks start and end at sentences, and overlap by about the requested number of tokens", async () => {
  const text = Array.from({ length: 400 }, (_, index) => sentence(index)).join(" ");
  const chunks = await chunkText(text);
  for (const chunk of chunks) expect(chunk).toMatch(/^Sentence .* days\. ?$/);
  for (const chunk of chunks.slice(0, -1)) expect(tokens(chunk)).toBeGreaterThan(700);
  const ranges = await chunkRanges(text);
  for (const [index, { start }] of ranges.entries())
    if (index > 0) expect(tokens(text.slice(start, ranges[index - 1]?.end))).toBeGreaterThan(180);
});

test("the end of a paragraph is preferred to the end of a sentence, and line ends to word ends", async () => {
  const paragraphs = Array.from({ length: 60 }, (_, index) =>
    [1, 2, 3, 4, 5].map((part) => sentence(index * 5 + part)).join(" "),
  );
  for (const chunk of await chunkText(paragraphs.join("\n\n"), { overlap: 0 }))
    expect(paragraphs).toContain(chunk.trimEnd().split("\n\n").at(-1));
  const rows = Array.from({ length: 900 }, (_, index) => `- item ${index} of the list`);
  for (const chunk of await chunkText(rows.join("\n"), { overlap: 100 }))
    expect(rows).toContain(chunk.trimEnd().split("\n").at(-1));
});

test("a long sentence is split between words, and a huge word is split between characters", async () => {
  const words = await chunkText("alpha beta gamma delta ".repeat(2000));
  for (const chunk of words) expect(chunk).toMatch(/^(alpha|beta|gamma|delta) .*(alpha|beta|gamma|delta) ?$/);
  const family = "👩‍👩‍👧‍👦".repeat(3000);
  const chunks = await chunkText(family, { overlap: 0 });
  expect(chunks.join("")).toBe(family);
  for (const chunk of chunks) expect(chunk).toMatch(/^(👩‍👩‍👧‍👦)+$/u);
});

/** Texts of five megabytes that take a tokenizer or a segmenter long, or quadratic time. */
const SHAPES: readonly (readonly [name: string, text: string])[] = [
  ["no spaces", "x".repeat(5_000_000)],
  ["line breaks", `a${"\n".repeat(5_000_000)}b`],
  ["Chinese without a stop", "我们的退货政策是三十天内可以退款".repeat(104_000)],
  ["letters of one syllable", "가".repeat(1_660_000)],
  ["emoji", "👩‍👩‍👧‍👦".repeat(200_000)],
  ["base64", Buffer.alloc(3_750_000, "what is in it does not matter").toString("base64")],
  ["short sentences", "a. ".repeat(1_660_000)],
  ["short paragraphs", "a\n\n".repeat(1_660_000)],
  ["digits", "3".repeat(5_000_000)],
  ["marks", "-=".repeat(2_500_000)],
];

test.each(SHAPES)("chunking five megabytes of %s does not block the event loop for long", async (_, text) => {
  await chunkText("The tokenizer is loaded. ".repeat(200));
  // CPU time, because other programs on the machine must not affect the result. The three longest turns are ignored,
  // because the engine may compile or collect garbage at any time.
  const turns: number[] = [];
  let before = process.cpuUsage();
  let more = true;
  const watch = () => {
    turns.push(process.cpuUsage(before).user / 1000);
    before = process.cpuUsage();
    if (more) setImmediate(watch);
  };
  const started = process.cpuUsage();
  setImmediate(watch);
  await chunkRanges(text);
  more = false;
  const longest = turns.sort((a, b) => b - a);
  expect(longest.length).toBeGreaterThan(20);
  expect(longest[3]).toBeLessThan(100);
  expect(process.cpuUsage(started).user / 1000).toBeLessThan(15_000);
});

test("chunking ends when its signal is aborted", async () => {
  const controller = new AbortController();
  const chunking = chunkRanges("a. ".repeat(1_000_000), { signal: controller.signal });
  setImmediate(() => controller.abort(new Error("gone")));
  await expect(chunking).rejects.toThrow("gone");
});

test.each([
  ["prose", Array.from({ length: 10_000 }, (_, index) => sentence(index)).join(" ")],
  ["words without an end", "lorem ipsum dolor sit amet ".repeat(37_000)],
  ["one unbroken run", "a".repeat(1_000_000)],
  ["white space", `a${" \n".repeat(500_000)}b`],
  ["Chinese", "我们的退货政策是三十天内可以退款。".repeat(20_000)],
  ["figures", "1,2,3,abc,".repeat(100_000)],
])(
  "chunking a megabyte of %s takes less than three seconds of CPU time, also after many other texts",
  async (_, text) => {
    const start = process.cpuUsage();
    const chunks = await chunkText(text);
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(3000);
    const read = chunks.slice(0, 50).map((chunk) => tokens(chunk.trim()));
    expect(Math.max(...read)).toBeLessThanOrEqual(800);
  },
);

test.each([
  [{ maxTokens: 15 }, "maxTokens"],
  [{ maxTokens: 1.5 }, "maxTokens"],
  [{ overlap: -1 }, "overlap"],
  [{ maxTokens: 100, overlap: 51 }, "overlap"],
])("the options %j are rejected", async (options, path) => {
  await expect(chunkText("text", options)).rejects.toMatchObject({ code: "invalid_input", path });
});
