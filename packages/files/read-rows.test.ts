import { expect, test } from "vitest";
import { noConversion } from "./convert/conversion.ts";
import { fileToJson } from "./to-json.ts";

const read = async (csv: string, name = "table.csv") =>
  JSON.parse(`[${(await fileToJson({ name, bytes: new TextEncoder().encode(csv) }, noConversion)).json}]`);

test("columns with the names of an object's own properties are metadata", async () => {
  const [row] = await read("id,text,constructor,__proto__,toString\n1,race won,Ferrari,p,s\n");
  expect(Object.entries(row.metadata)).toEqual([
    ["constructor", "Ferrari"],
    ["__proto__", "p"],
    ["toString", "s"],
  ]);
});

test.each([
  ["a column twice", "a,b,a\n1,2,3", /the column "a" twice/],
  ["two columns for the text", "text,content\n1,2", /two of its columns are the content/],
  ["a long name of a column", `id,${"a".repeat(1_001)}\n1,2`, /has 1001 characters, more than the limit of 1000/],
  ["too many columns", `${Array.from({ length: 10_001 }, (_, at) => `c${at}`).join()}\n`, /has 10001 columns/],
])("%s is refused", async (_, csv, message) => {
  await expect(read(csv)).rejects.toThrow(message);
});

test("a short file whose documents are long is refused: every row repeats the names of its columns", async () => {
  const names = Array.from({ length: 100 }, (_, at) => `${at}${"n".repeat(990)}`);
  const csv = `${names.join()}\n${`${"1,".repeat(99)}1\n`.repeat(1_000)}`;
  await expect(read(csv)).rejects.toThrow(/its documents have more than 32000000 characters|limit of 65,536 bytes/);
  const amplified = `${names.slice(0, 30).join()}\n${`${"1,".repeat(29)}1\n`.repeat(4_000)}`;
  expect(amplified.length).toBeLessThan(300_000);
  await expect(read(amplified)).rejects.toThrow(/its documents have more than 32000000 characters/);
});

test("metadata that cannot be stored is refused with its place", async () => {
  const deep = `${"[".repeat(70)}${"]".repeat(70)}`;
  await expect(read(`{"content": "x"}\n{"content": "y", "metadata": {"a": ${deep}}}`, "a.jsonl")).rejects.toThrow(
    /a\.jsonl, line 2 cannot be ingested: .*deeper than 64/,
  );
});
