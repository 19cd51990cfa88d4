import { sql } from "drizzle-orm";
import fc from "fast-check";
import { expect, test } from "vitest";
import { useTestDatabase } from "../../../test/support/fixture.ts";
import { encodeJson, type JsonObject, parseJson } from "../database/json.ts";
import { selectRows } from "../database/rows.ts";
import { compileFilter } from "./compile.ts";
import { encodeConditions, indexConditions } from "./index-conditions.ts";
import { parseFilter } from "./parse.ts";

const own = useTestDatabase();

const conditions = (filter: unknown, hasNumbers = true) => {
  const found = indexConditions(parseFilter(filter));
  const json = found && encodeConditions(found, { hasNumbers });
  return json === undefined ? undefined : parseJson(json);
};
const contains = (object: object) => ({ contains: object });

test("$eq, $in, $contains and ranges become conditions, whatever the other conditions are", () => {
  expect(conditions({ topic: "a" })).toEqual([[contains({ topic: "a" })]]);
  expect(conditions({ $and: [{ year: { $in: [1, 2] } }, { tags: { $contains: "x" } }] })).toEqual([
    [contains({ tags: ["x"] })],
    [contains({ year: 1 }), contains({ year: 2 })],
  ]);
  expect(conditions({ $and: [{ a: 1 }, { b: { $ne: 2 } }, { c: { $gt: 3 } }] })).toEqual([
    [contains({ a: 1 })],
    [{ key: "c", low: 3, high: null }],
  ]);
  expect(conditions({ $or: [{ a: 1 }, { $and: [{ b: { $lte: -0.5 } }, { c: { $ne: 3 } }] }] })).toEqual([
    [contains({ a: 1 }), { key: "b", low: null, high: -0.5 }],
  ]);
  expect(conditions({ n: 2n ** 60n })).toEqual([[contains({ n: 2n ** 60n })]]);
});

test("the ranges of one key are joined, but not across alternatives", () => {
  expect(conditions({ $and: [{ n: { $gte: 1 } }, { n: { $lt: 5 } }, { m: { $gt: 2 } }, { n: { $gt: 0 } }] })).toEqual([
    [{ key: "n", low: 1, high: 5 }],
    [{ key: "m", low: 2, high: null }],
  ]);
  expect(conditions({ $or: [{ n: { $lt: 1 } }, { n: { $gt: 5 } }] })).toEqual([
    [
      { key: "n", low: null, high: 1 },
      { key: "n", low: 5, high: null },
    ],
  ]);
});

test("an index without numbers gets the conditions without ranges", () => {
  expect(conditions({ $and: [{ a: 1 }, { n: { $gt: 2 } }, { $or: [{ b: 1 }, { n: { $lt: 0 } }] }] }, false)).toEqual([
    [contains({ a: 1 })],
  ]);
  expect(conditions({ n: { $gt: 2 } }, false)).toBeUndefined();
});

test("the shortest conditions are used, up to a hundred", () => {
  const isIn = (key: string, count: number) => ({
    [key]: { $in: Array.from({ length: count }, (_, n) => n) },
  });
  const lists = conditions({ $and: [isIn("a", 90), isIn("b", 9), isIn("c", 2), { d: 1 }] });
  expect((lists as object[][]).map((list) => list.length)).toEqual([1, 2, 9]);
});

test("a filter that rows can pass without meeting a condition has no conditions", () => {
  for (const filter of [
    { a: { $ne: 1 } },
    { a: { $nin: [1] } },
    { $not: { a: 1 } },
    { $not: { a: { $gt: 1 } } },
    { $or: [{ a: 1 }, { b: { $exists: true } }] },
    { a: { $in: Array.from({ length: 101 }, (_, n) => n) } },
  ])
    expect(conditions(filter), JSON.stringify(filter)).toBeUndefined();
});

const text = fc.constantFrom("a\0b", "1");
const number = fc.oneof(
  fc.constantFrom(1, 2, 0, -1, 1.5, 2 ** 53, -1e300, 5e-324, 1.7976931348623157e308),
  fc.integer({ min: -20, max: 20 }),
);
const integer = fc.constantFrom(10n ** 400n, -(10n ** 400n), 2n ** 53n + 1n); // in metadata
const value = fc.oneof(text, number, fc.boolean());
const key = fc.constantFrom("k", "nul\0");
const clause = fc.tuple(
  key,
  fc.oneof(
    value,
    ...["$eq", "$ne", "$contains", "$not_contains"].map((operator) => value.map((one) => ({ [operator]: one }))),
    ...["$gt", "$gte", "$lt", "$lte"].map((operator) => number.map((one) => ({ [operator]: one }))),
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
  fc.dictionary(key, fc.oneof(value, integer, fc.array(value, { maxLength: 3 }), fc.constant(null)), {
    minKeys: 1,
    maxKeys: 2,
  }),
  { minLength: 30, maxLength: 40 },
);

test("every row that matches a filter meets its conditions", async () => {
  let checkedFilters = 0;
  let matchingRows = 0;
  await fc.assert(
    fc.asyncProperty(filters, metadata, async (input, rows) => {
      const filter = parseFilter(input);
      const found = indexConditions(filter);
      if (found === undefined) return;
      const matching = await own.database.transaction(({ orm }) =>
        selectRows<{ met: boolean }>(
          orm,
          sql`
            SELECT (SELECT bool_and((SELECT bool_or(CASE WHEN one ? 'contains' THEN metadata @> (one->'contains')
                      ELSE cairn.number_tokens(metadata) && cairn.range_tokens(one->>'key',
                        coalesce((one->>'low')::float8, '-Infinity'), coalesce((one->>'high')::float8, 'Infinity')) END)
                      FROM jsonb_array_elements(list) AS one))
                    FROM jsonb_array_elements(${encodeConditions(found, { hasNumbers: true })}::jsonb) AS list) AS met
            FROM (SELECT m::jsonb AS metadata, NULL::text AS content
                  FROM unnest(${sql.param(rows.map((row) => encodeJson(row as JsonObject)))}::text[]) AS m) AS documents
            WHERE ${compileFilter(filter)}`,
        ),
      );
      checkedFilters += 1;
      matchingRows += matching.length;
      expect(matching.every((row) => row.met)).toBe(true);
    }),
    { numRuns: 300 },
  );
  expect(checkedFilters).toBeGreaterThan(50);
  expect(matchingRows).toBeGreaterThan(50);
});

test("a range has at most 500 tokens, and few rows outside of it have one", async () => {
  const [row] = await own.database.transaction(({ orm }) =>
    selectRows<{ tokens: number; inside: number; found: number }>(
      orm,
      sql`
        WITH ranges (low, high) AS (VALUES (-1e308::float8, 1e308::float8), (0.1, 99.3), (1.7e9, 1.71e9), (-7, 1234567))
        SELECT max(cardinality(cairn.range_tokens('n', low, high))) AS tokens,
               (SELECT count(*)::int FROM generate_series(1, 20000) AS n WHERE n BETWEEN 4321 AND 5678) AS inside,
               (SELECT count(*)::int FROM generate_series(1, 20000) AS n
                WHERE cairn.number_tokens(jsonb_build_object('n', n)) && cairn.range_tokens('n', 4321, 5678)) AS found
        FROM ranges`,
    ),
  );
  expect(row?.tokens).toBeLessThan(500);
  expect(row?.inside).toBe(1_358);
  expect(row?.found).toBe(1_358);
});
