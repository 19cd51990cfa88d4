import { describe, expect, test } from "vitest";
import { AppError } from "../error.ts";
import { parseDocumentFilter, parseFilter } from "./parse.ts";

function refusal(parse: () => unknown): AppError {
  try {
    parse();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

function nest(levels: number): unknown {
  return levels === 0 ? { a: 1 } : { [["$and", "$or"][levels % 2] as string]: [nest(levels - 1)] };
}

describe("parseFilter()", () => {
  test("reads Chroma's operators, the shorthand, $exists and $not", () => {
    const where = {
      $and: [
        { topic: "returns" },
        { $or: [{ price: { $gte: 1.5 } }, { tags: { $not_contains: "old" } }] },
        { $not: { year: { $nin: [2024, 2n ** 60n] } } },
        { url: { $exists: false } },
        { "#document": { $contains: "refund" } },
      ],
    };
    expect(parseFilter(where)).toEqual({
      kind: "and",
      filters: [
        { kind: "equal", operator: "eq", key: "topic", value: "returns" },
        {
          kind: "or",
          filters: [
            { kind: "order", operator: "gte", key: "price", value: 1.5 },
            { kind: "list", operator: "not_contains", key: "tags", value: "old" },
          ],
        },
        { kind: "not", filter: { kind: "member", operator: "nin", key: "year", values: [2024, 2n ** 60n] } },
        { kind: "exists", key: "url", exists: false },
        { kind: "content", operator: "contains", text: "refund" },
      ],
    });
  });

  test("returns a deeply frozen tree that does not change with its input", () => {
    const values = [1, 2];
    const filter = parseFilter({ $not: { $or: [{ a: { $in: values } }] } });
    values.push(3);
    expect(filter).toMatchObject({ filter: { filters: [{ values: [1, 2] }] } });
    const isFrozen = (value: unknown): boolean =>
      typeof value !== "object" || value === null || (Object.isFrozen(value) && Object.values(value).every(isFrozen));
    expect(isFrozen(filter)).toBe(true);
  });

  test.each([
    [{ $and: [{ a: 1 }, { price: { $gte: "cheap" } }] }, "where.$and[1].price.$gte", '"cheap"'],
    [{ price: { $gtt: 1 } }, "where.price.$gtt", "$gt, $gte"],
    [{ price: { $gt: true } }, "where.price.$gt", "true"],
    [{ price: { $gt: Number.NaN } }, "where.price.$gt", "NaN"],
    [{ price: 2n ** 1024n }, "where.price", "finite number"],
    [{ price: { $gt: 1, $lt: 2 } }, "where.price", "$and"],
    [{ price: {} }, "where.price", "an empty object"],
    [{ "unit price": null }, 'where["unit price"]', "null"],
    [{ price: [1] }, "where.price", "a list of 1"],
    [{ price: { $in: [] } }, "where.price.$in", "an empty list"],
    [{ price: { $in: [1, 2.5, "3"] } }, "where.price.$in[2]", '"3"'],
    [{ price: { $in: [null] } }, "where.price.$in[0]", "null"],
    [{ price: { $exists: 1 } }, "where.price.$exists", "true or false"],
    [{ price: { $regex: "a" } }, "where.price.$regex", "where_document"],
    [{ price: { $not: { $eq: 1 } } }, "where.price.$not", "$exists"],
    [{ "#document": "refund" }, "where.#document", "$contains"],
    [{ "#document": { $eq: "refund" } }, "where.#document.$eq", "$contains"],
    [{ a: 1, b: 2 }, "where", "$and"],
    [{ $nor: [{ a: 1 }] }, "where.$nor", "$or"],
    [{ $and: [] }, "where.$and", "one or more"],
    [{ $and: { a: 1 } }, "where.$and", 'an object with "a"'],
    [{ $or: [{ a: 1 }, {}] }, "where.$or[1]", "an empty object"],
    [{ $not: [{ a: 1 }] }, "where.$not", "a list of 1"],
    [{}, "where", "an empty object"],
    [[{ a: 1 }], "where", "a list of 1"],
    ["a", "where", '"a"'],
    [null, "where", "null"],
    [undefined, "where", "undefined"],
    [{ a: undefined }, "where.a", "undefined"],
    [{ a: () => 1 }, "where.a", "a function"],
  ])("refuses %o and names %s", (where, path, text) => {
    const error = refusal(() => parseFilter(where));
    expect(error).toMatchObject({ code: "invalid_filter", path });
    expect(error.message.startsWith(`${path} `)).toBe(true);
    expect(error.message).toContain(text);
  });

  test("names the caller's root, and truncates a long text", () => {
    const error = refusal(() => parseFilter({ a: { $gt: "secret ".repeat(1000) } }, "filter"));
    expect(error.path).toBe("filter.a.$gt");
    expect(error.message.length).toBeLessThan(200);
  });

  test("accepts eight levels of nesting, and refuses more, also in a list that contains itself", () => {
    expect(() => parseFilter(nest(8))).not.toThrow();
    expect(refusal(() => parseFilter(nest(9))).message).toContain("at most 8 deep");
    const circular: unknown[] = [];
    circular.push({ $and: circular });
    expect(refusal(() => parseFilter({ $and: circular }))).toMatchObject({ code: "invalid_filter" });
  });

  test("refuses more than 1,000 conditions", () => {
    const conditions = Array.from({ length: 1001 }, (_, n) => ({ n }));
    expect(() => parseFilter({ $or: conditions.slice(1) })).not.toThrow();
    expect(refusal(() => parseFilter({ $or: conditions }))).toMatchObject({ path: "where.$or[1000]" });
  });

  test("refuses more than 15 regexes", () => {
    const patterns = Array.from({ length: 16 }, (_, n) => ({ "#document": { $regex: `a${n}` } }));
    expect(() => parseFilter({ $or: patterns.slice(1) })).not.toThrow();
    expect(refusal(() => parseFilter({ $or: patterns })).message).toContain("at most 15");
  });
});

describe("parseDocumentFilter()", () => {
  test("reads Chroma's operators and $not", () => {
    const filter = parseDocumentFilter({ $or: [{ $not: { $contains: "" } }, { $not_regex: "^a" }] });
    expect(filter).toEqual({
      kind: "or",
      filters: [
        { kind: "not", filter: { kind: "content", operator: "contains", text: "" } },
        { kind: "pattern", operator: "not_regex", pattern: "^a" },
      ],
    });
  });

  test.each([
    [{ $contains: 1 }, "where_document.$contains", "1"],
    [{ $contains: "a", $not_contains: "b" }, "where_document", "$and"],
    [{ topic: "a" }, "where_document.topic", "$not_contains"],
    [{ $and: [{ $regex: "a(?=b)" }] }, "where_document.$and[0].$regex", '"(?="'],
  ])("refuses %o and names %s", (whereDocument, path, text) => {
    const error = refusal(() => parseDocumentFilter(whereDocument));
    expect(error).toMatchObject({ code: "invalid_filter", path });
    expect(error.message).toContain(text);
  });
});
