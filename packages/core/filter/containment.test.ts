import { sql } from "drizzle-orm";
import fc from "fast-check";
import { expect, test } from "vitest";
import { useTestDatabase } from "../../../test/support/fixture.ts";
import { encodeJson, type JsonObject } from "../database/json.ts";
import { selectRows } from "../database/rows.ts";
import { compileFilter } from "./compile.ts";
import { containmentConditions } from "./containment.ts";
import { parseFilter } from "./parse.ts";

const own = useTestDatabase();

const conditions = (filter: unknown) => containmentConditions(parseFilter(filter));

test("$eq, $in and $contains become containment conditions, whatever the other conditions are", () => {
  expect(conditions({ topic: "a" })).toBe('[[{"topic":"a"}]]');
  expect(conditions({ $and: [{ year: { $in: [1, 2] } }, { tags: { $contains: "x" } }] })).toBe(
    '[[{"tags":["x"]}],[{"year":1},{"year":2}]]',
  );
  expect(conditions({ $and: [{ a: 1 }, { b: { $gt: 2 } }, { c: { $ne: 3 } }] })).toBe('[[{"a":1}]]');
  expect(conditions({ $or: [{ a: 1 }, { $and: [{ b: 2 }, { c: { $lt: 3 } }] }] })).toBe(
    '[[{"a":1},{"b":2}]]',
  );
  expect(conditions({ n: 2n ** 60n })).toBe(`[[{"n":${2n ** 60n}}]]`);
});

test("the shortest conditions are used, up to a hundred objects", () => {
  const isIn = (key: string, count: number) => ({
    [key]: { $in: Array.from({ length: count }, (_, n) => n) },
  });
  const json = conditions({ $and: [isIn("a", 90), isIn("b", 9), isIn("c", 2), { d: 1 }] }) as string;
  expect(JSON.parse(json).map((list: object[]) => list.length)).toEqual([1, 2, 9]);
});

test("a filter that rows can pass without containing an object has no containment conditions", () => {
  for (const filter of [
    { a: { $gt: 1 } },
    { a: { $ne: 1 } },
    { a: { $nin: [1] } },
    { $not: { a: 1 } },
    { $or: [{ a: 1 }, { b: { $exists: true } }] },
    { a: { $in: Array.from({ length: 101 }, (_, n) => n) } },
  ])
    expect(conditions(filter), JSON.stringify(filter)).toBeUndefined();
});

const text = fc.constantFrom("a\0b", "1");
const number = fc.constantFrom(1, 2);
const value = fc.oneof(text, number, fc.boolean());
const key = fc.constantFrom("k", "nul\0");
const clause = fc.tuple(
  key,
  fc.oneof(
    value,
    ...["$eq", "$ne", "$contains", "$not_contains"].map((operator) =>
      value.map((one) => ({ [operator]: one })),
    ),
    ...["$in", "$nin"].map((operator) =>
      fc
        .oneof(...[text, number].map((one) => fc.array<string | number>(one, { minLength: 1, maxLength: 3 })))
        .map((values) => ({ [operator]: values })),
    ),
  ),
);
const filters = fc.letrec<{ node: object }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3 },
    { weight: 2, arbitrary: clause.map(([name, condition]) => ({ [name]: condition })) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom("$and", "$or"), fc.array(tie("node"), { minLength: 1, maxLength: 3 }))
        .map(([operator, list]) => ({ [operator]: list })),
    },
  ),
})).node;
const metadata = fc.array(
  fc.dictionary(key, fc.oneof(value, fc.array(value, { maxLength: 3 }), fc.constant(null)), {
    minKeys: 1,
    maxKeys: 2,
  }),
  { minLength: 30, maxLength: 40 },
);

test("every row that passes a filter satisfies its containment conditions", async () => {
  let checkedFilters = 0;
  let passedRows = 0;
  await fc.assert(
    fc.asyncProperty(filters, metadata, async (input, rows) => {
      const filter = parseFilter(input);
      const lists = containmentConditions(filter);
      if (lists === undefined) return;
      const found = await own.database.transaction(({ orm }) =>
        selectRows<{ satisfied: boolean }>(
          orm,
          sql`
            SELECT (SELECT bool_and((SELECT bool_or(metadata @> one) FROM jsonb_array_elements(list) AS one))
                    FROM jsonb_array_elements(${lists}::jsonb) AS list) AS satisfied
            FROM (SELECT m::jsonb AS metadata, NULL::text AS content
                  FROM unnest(${sql.param(rows.map((row) => encodeJson(row as JsonObject)))}::text[]) AS m) AS documents
            WHERE ${compileFilter(filter)}`,
        ),
      );
      checkedFilters += 1;
      passedRows += found.length;
      expect(found.every((row) => row.satisfied)).toBe(true);
    }),
    { numRuns: 200 },
  );
  expect(checkedFilters).toBeGreaterThan(30);
  expect(passedRows).toBeGreaterThan(30);
});
