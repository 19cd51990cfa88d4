import { stringifyJson } from "@cairn/core/database/json.ts";
import { expect, test } from "vitest";
import { writeJson } from "./write-json.ts";

test.each([
  [{}],
  [{ documents: [], next: null }],
  [{ next: undefined, documents: [{ a: undefined, b: 1n << 70n, c: "é\n", d: [1, [2, [3]]] }] }],
  [{ hits: [], results: [[], [{ id: "x", distance: 1e300 }], [{ id: "y" }, { id: "z" }]] }],
  [{ odd: [undefined, null, Number.NaN], "a key": { nested: [{}] } }],
])("what is written piece by piece is what is written at once", async (body) => {
  expect(await writeJson(body)).toBe(stringifyJson(body));
});

test("while a long answer is written, others have their turn", async () => {
  const hit = { content: "x".repeat(2_000), metadata: Object.fromEntries(Array(50).entries()) };
  let turns = 0;
  let writing = true;
  const other = () => {
    turns++;
    if (writing) setImmediate(other);
  };
  setImmediate(other);
  const text = await writeJson({ results: Array.from({ length: 50 }, () => Array(400).fill(hit)) });
  writing = false;
  expect(text.length).toBeGreaterThan(40_000_000);
  expect(turns).toBeGreaterThan(5);
});
