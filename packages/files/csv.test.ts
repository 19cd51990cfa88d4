import fc from "fast-check";
import { expect, test } from "vitest";
import { readCsv } from "./csv.ts";

/** Splits a text into pieces of these sizes. */
async function* split(text: string, sizes: readonly number[]): AsyncGenerator<string> {
  let offset = 0;
  for (const size of sizes) {
    yield text.slice(offset, offset + size);
    offset += size;
  }
  yield text.slice(offset);
}

async function read(text: string, sizes: readonly number[] = [], separator?: string) {
  const records: (readonly string[])[] = [];
  for await (const { fields } of readCsv(split(text, sizes), { name: "x.csv", separator })) records.push(fields);
  return records;
}

test("any fields are read back, wherever the text is split into pieces", async () => {
  const field = fc.string({ unit: fc.constantFrom("a", ",", ";", '"', "\n", "\r\n", " ", "é", "\t") });
  const table = fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 5 });
  const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 20 });
  const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
  await fc.assert(
    fc.asyncProperty(table, sizes, fc.constantFrom("\n", "\r\n", "\r"), async (rows, cuts, end) => {
      const text = rows.map((row) => row.map(quote).join(",")).join(end);
      expect(await read(text, cuts, ",")).toEqual(rows);
    }),
    { numRuns: 300 },
  );
});

test.each<readonly [string, readonly (readonly string[])[]]>([
  [
    "a,b\n1,2\n",
    [
      ["a", "b"],
      ["1", "2"],
    ],
  ],
  [
    "a;b\r\n1,5;2\r\n\r\n",
    [
      ["a", "b"],
      ["1,5", "2"],
    ],
  ],
  [
    "a\tb\n1\t",
    [
      ["a", "b"],
      ["1", ""],
    ],
  ],
  [
    '"a,x",b\n"1 ""one""",2',
    [
      ["a,x", "b"],
      ['1 "one"', "2"],
    ],
  ],
  ["only\n1\n\n2\n", [["only"], ["1"], ["2"]]],
  ['in 5" field,b\n', [['in 5" field', "b"]]],
  ["", []],
])("%j is read as its records", async (text, records) => expect(await read(text)).toEqual(records));

test.each([
  ['a,b\n1,"open\n2,3', /line 2.*not closed/],
  ['a,b\n"x"y,2', /line 2.*closing quote/],
])("the error for %j names the line", async (text, message) => {
  await expect(read(text)).rejects.toThrow(message);
});
