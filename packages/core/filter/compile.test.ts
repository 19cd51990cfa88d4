import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { useTestDatabase } from "../../../test/support/fixture.ts";
import { encodeJson, type JsonObject } from "../database/json.ts";
import { selectRows } from "../database/rows.ts";
import { encodeText } from "../database/text.ts";
import { compileFilter } from "./compile.ts";
import type { Filter } from "./filter.ts";
import { parseDocumentFilter, parseFilter } from "./parse.ts";

/** Values under the key `v`: every type of JSON, which is more than Chroma can store. */
const VALUES: Readonly<Record<string, JsonObject>> = {
  one: { v: 1 },
  large: { v: 2n ** 53n + 1n },
  text: { v: "1" },
  yes: { v: true },
  null: { v: null },
  list: { v: [1, "a", [true]] },
  object: { v: { v: 1 } },
  nul: { v: "a\0b", "k\0": "\uFFFE" },
  missing: {},
};
const CONTENTS: Readonly<Record<string, string | null>> = {
  plain: "Cost: 100% of a_b\\c",
  nul: "x\0y",
  mark: "\uFFFE and more",
  empty: "",
  null: null,
};

const testDatabase = useTestDatabase();

async function find(filter: Filter): Promise<string[]> {
  const valueRows = Object.entries(VALUES).map(([id, value]) => ({
    id,
    metadata: encodeJson(value),
    content: null,
  }));
  const contentRows = Object.entries(CONTENTS).map(([id, text]) => ({
    id: `${id} text`,
    metadata: "{}",
    content: text === null ? null : encodeText(text),
  }));
  const rows = JSON.stringify([...valueRows, ...contentRows]);
  const found = await testDatabase.database.transaction(({ orm }) =>
    selectRows<{ id: string }>(
      orm,
      sql`
        SELECT id FROM (
          SELECT id, metadata::jsonb AS metadata, content
          FROM jsonb_to_recordset(${rows}::jsonb) AS rows (id text, metadata text, content text)
        ) AS documents
        WHERE true AND (${compileFilter(filter)})`,
    ),
  );
  return found.map(({ id }) => id);
}

const where = async (filter: unknown) => (await find(parseFilter(filter))).filter((id) => id in VALUES);
const whereDocument = async (filter: unknown) => find(parseDocumentFilter(filter));

const OPERATIONS = [
  ...[1, 2n ** 53n + 1n, "1", "a\0b", true].flatMap((value) => [
    { $eq: value },
    { $ne: value },
    { $in: [value] },
    { $nin: [value] },
    { $contains: value },
    { $not_contains: value },
  ]),
  ...["$gt", "$gte", "$lt", "$lte"].map((operator) => ({ [operator]: 0 })),
  { $exists: true },
];

test.each(OPERATIONS)(
  "%o works on every stored value, and its negation finds exactly the other rows",
  async (operation) => {
    const found = await where({ v: operation });
    const others = await where({ $not: { v: operation } });
    expect([...found, ...others].sort()).toEqual(Object.keys(VALUES).sort());
  },
);

test("types are not converted, and a list does not equal its element", async () => {
  expect(await where({ v: 1 })).toEqual(["one"]);
  expect(await where({ v: "1" })).toEqual(["text"]);
  expect(await where({ v: true })).toEqual(["yes"]);
  expect(await where({ v: { $in: [1, 1.5] } })).toEqual(["one"]);
  expect(await where({ v: { $contains: 1 } })).toEqual(["list"]);
  expect(await where({ v: { $gte: -1e300 } })).toEqual(["one", "large"]);
});

test("integers beyond 2^53 are compared exactly", async () => {
  expect(await where({ v: 2n ** 53n + 1n })).toEqual(["large"]);
  expect(await where({ v: 2 ** 53 })).toEqual([]);
  expect(await where({ v: { $gt: 2 ** 53 } })).toEqual(["large"]);
  expect(await where({ v: { $gt: 2n ** 53n + 1n } })).toEqual([]);
});

test("$exists distinguishes present from missing keys, and null counts as missing", async () => {
  expect(await where({ v: { $exists: false } })).toEqual(["null", "missing"]);
  expect(await where({ "k\0": { $exists: true } })).toEqual(["nul"]);
});

test("keys and values that need escaping are found, and are never run as SQL", async () => {
  expect(await where({ v: "a\0b" })).toEqual(["nul"]);
  expect(await where({ "k\0": { $in: ["\uFFFE"] } })).toEqual(["nul"]);
  expect(await where({ "v') OR true --": "' OR true --" })).toEqual([]);
});

test("$contains has no wildcards, is case-sensitive, and does not match the encoding of NUL", async () => {
  expect(await whereDocument({ $contains: "100% of a_b\\" })).toEqual(["plain text"]);
  expect(await whereDocument({ $contains: "cost" })).toEqual([]);
  expect(await whereDocument({ $contains: "\0" })).toEqual(["nul text"]);
  expect(await whereDocument({ $contains: "00" })).toEqual(["plain text"]);
  expect(await whereDocument({ $contains: "fe" })).toEqual([]);
  expect(await whereDocument({ $contains: "\uFFFE and" })).toEqual(["mark text"]);
});

test("null content contains and matches nothing, so it passes every negation", async () => {
  expect(await whereDocument({ $contains: "" })).not.toContain("null text");
  expect(await whereDocument({ $regex: "" })).not.toContain("null text");
  expect(await whereDocument({ $not_contains: "" })).toContain("null text");
  expect(await whereDocument({ $not_regex: "" })).toContain("null text");
  expect(await whereDocument({ $not: { $regex: "" } })).toContain("null text");
});

test("a $regex matches a NUL as one character", async () => {
  expect(await whereDocument({ $regex: "^x.y$" })).toEqual(["nul text"]);
  expect(await whereDocument({ $regex: "^x\\x00y$" })).toEqual(["nul text"]);
  expect(await whereDocument({ $regex: "^[^a] and" })).toEqual(["mark text"]);
});
