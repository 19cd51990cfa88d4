import { expect, test } from "vitest";
import { AppError } from "../error.ts";
import { compileFilter } from "./compile.ts";
import { compileFilters } from "./input.ts";
import { parseDocumentFilter } from "./parse.ts";

/** Generous for a busy machine: what is refused late takes seconds, and gigabytes. */
const PROMPT_MS = 2_000;

function refusal(input: Parameters<typeof compileFilters>[0]): AppError {
  const began = performance.now();
  try {
    compileFilters(input);
  } catch (error) {
    expect(performance.now() - began).toBeLessThan(PROMPT_MS);
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

const regex = (pattern: string) => ({ whereDocument: { $regex: pattern } });

test.each([
  ["one class very often", "\\w".repeat(200_000), "at most 10000 characters"],
  ["a million letters without case", `(?i)${"a".repeat(1_000_000)}`, "at most 10000 characters"],
  ["letters within the length", `(?i)${"a".repeat(9_000)}`, "at most 1000 characters"],
  ["classes within the length", "\\w".repeat(4_900), "too large"],
  ["word boundaries within the length", "\\b|".repeat(3_000), "too large"],
  ["properties without case", `(?i)${"\\p{Lu}".repeat(1_600)}`, "too large"],
  ["a class of classes", `[${"\\w".repeat(4_900)}]`, "20000 ranges"],
  ["a class of nested classes without case", `(?i)[${"[\\w]".repeat(2_400)}]`, "20000 ranges"],
  ["intersections without case", `(?i)[\\w${"&&\\w".repeat(2_400)}]`, "20000 ranges"],
  ["differences", `[\\w${"~~\\W".repeat(2_400)}]`, "20000 ranges"],
  ["repeats in repeats", "((a{250}){250}){250}", "too large"],
  ["repeats of a class in repeats", "((\\w{100}){100}){100}", "too large"],
  ["a repeat beyond Postgres' own", "((a{1000}){1000})", "255"],
])("a regex of %s is refused at once", (_, pattern, reason) => {
  const error = refusal(regex(pattern));
  expect(error).toMatchObject({ code: "invalid_filter", path: "where_document.$regex" });
  expect(error.message).toContain(reason);
  expect(error.message.length).toBeLessThan(400);
});

test("all regexes of a request count together, those under #document, too", () => {
  const large = "\\w".repeat(300);
  expect(() => compileFilters(regex(large))).not.toThrow();
  expect(refusal({ ...regex(large), filter: { "#document": { $regex: large } } }).message).toContain(
    "500000 characters",
  );
});

test("a regex is translated once, however many statements it goes into", () => {
  const filter = parseDocumentFilter({ $regex: `(?i)${"[a-z]".repeat(900)}` });
  const began = performance.now();
  for (let statement = 0; statement < 1_000; statement++) compileFilter(filter);
  expect(performance.now() - began).toBeLessThan(5_000); // translated each time it takes a minute
});

test.each([
  [
    "a list of many values",
    { filter: { n: { $in: Array.from({ length: 100_000 }, (_, n) => n) } } },
    "10000",
  ],
  [
    "lists of many values together",
    {
      filter: {
        $or: ["a", "b"].map((key) => ({ [key]: { $nin: Array.from({ length: 6_000 }, (_, n) => n) } })),
      },
    },
    "10000",
  ],
  ["a text of megabytes", { whereDocument: { $contains: "a".repeat(4_000_000) } }, "500000 characters"],
  ["a value of megabytes", { filter: { a: "b".repeat(4_000_000) } }, "500000 characters"],
  ["a key of megabytes", { filter: { ["k".repeat(4_000_000)]: { $exists: true } } }, "500000 characters"],
  ["very many conditions", { filter: { $or: Array.from({ length: 400_000 }, (_, n) => ({ n })) } }, "1000"],
  [
    "very many conditions on the text",
    { whereDocument: { $and: Array(400_000).fill({ $contains: "a" }) } },
    "1000",
  ],
])("%s is refused at once", (_, input, reason) => {
  const error = refusal(input);
  expect(error.code).toBe("invalid_filter");
  expect(error.path).toMatch(/^(filter|where_document)/);
  expect(error.message).toContain(reason);
  expect(error.message.length).toBeLessThan(400);
});

test("the path of a fault is short, however long the key", () => {
  const error = refusal({ filter: { ["k".repeat(100_000)]: null } });
  expect(error.path?.length).toBeLessThan(100);
  expect(error.message.length).toBeLessThan(400);
});

test("a filter nested too deep is refused, however deep", () => {
  let filter: unknown = { a: 1 };
  for (let depth = 0; depth < 100_000; depth++) filter = { $not: filter };
  expect(refusal({ filter }).message).toContain("at most 8 deep");
});
