import { expect, test } from "vitest";
import data from "./table.json" with { type: "json" };
import { openWordTable } from "./table.ts";

test("a word of the table has a vector, another adds nothing", () => {
  const table = openWordTable(data);
  const sum = new Float64Array(100);
  table.addWord(sum, "xqzptlk", 1);
  table.addWord(sum, "toString", 1);
  expect(sum.every((element) => element === 0)).toBe(true);
  table.addWord(sum, "refund", 1);
  expect(sum.every((element) => element !== 0)).toBe(true);
});

test("the table has 50,000 words of one to a hundred letters, each once", () => {
  const words = data.words.split(" ");
  expect(new Set(words).size).toBe(50_000);
  expect(words.filter((word) => !/^[\p{L}\p{N}\p{M}]{1,100}$/u.test(word))).toEqual([]);
});

test.each(["words", "weights", "centroids", "codes"] as const)("a table with other %s is refused", (name) => {
  const changed = { ...data, [name]: `${data[name].slice(0, -5)}B${data[name].slice(-4)}` };
  expect(() => openWordTable(changed)).toThrow(
    expect.objectContaining({
      code: "embedder_unavailable",
      message: expect.stringMatching(/glove-50k.* table is not that of this version\. Install Cairn again/),
    }),
  );
});
