import { expect, test } from "vitest";
import { AppError } from "../error.ts";
import { compileFilter } from "./compile.ts";
import { compileFilters } from "./input.ts";
import { parseDocumentFilter } from "./parse.ts";

/** A generous limit for a busy machine: a filter that is refused late takes seconds and gigabytes. */
const PROMPT_MS = 2_000;

function refusal(input: Parameters<typeof compileFilters>[0]): AppError {
  const startedAt = performance.now();
  try {
    compileFilters(input);
  } catch (error) {
    expect(performance.now() - startedAt).toBeLessThan(PROMPT_MS);
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

const regex = (pattern: string) => ({ whereDocument: { $regex: pattern } });

test.each([
  ["one class 200,000 times", "\\w".repeat(200_000), "at most 10000 characters"],
  ["a million case-insensitive letters", `(?i)${"a".repeat(1_000_000)}`, "at most 10000 characters"],
  ["letters within the length", `(?i)${"a".repeat(9_000)}`, "at most 1000 characters"],
  ["classes within the length", "\\w".repeat(4_900), "too large"],
  ["word boundaries within the length", "\\b|".repeat(3_000), "too large"],
  ["case-insensitive properties", `(?i)${"\\p{Lu}".repeat(1_600)}`, "too large"],
  ["a class of classes", `[${"\\w".repeat(4_900)}]`, "20000 ranges"],
  ["a case-insensitive class of nested classes", `(?i)[${"[\\w]".repeat(2_400)}]`, "20000 ranges"],
  ["case-insensitive intersections", `(?i)[\\w${"&&\\w".repeat(2_400)}]`, "20000 ranges"],
  ["differences", `[\\w${"~~\\W".repeat(2_400)}]`, "20000 ranges"],
  ["nested quantifiers", "((a{250}){250}){250}", "too large"],
  ["nested quantifiers of a class", "((\\w{100}){100}){100}", "too large"],
  ["a quantifier beyond Postgres' limit", "((a{1000}){1000})", "255"],
])("a regex of %s is refused at once", (_, pattern, reason) => {
  const error = refusal(regex(pattern));
  expect(error).toMatchObject({ code: "invalid_filter", path: "where_document.$regex" });
  expect(error.message).toContain(reason);
  expect(error.message.length).toBeLessThan(400);
});

test("all regexes of a request count together, including those under #document", () => {
  const large = "\\w".repeat(300);
  expect(() => compileFilters(regex(large))).not.toThrow();
  expect(refusal({ ...regex(large), filter: { "#document": { $regex: large } } }).message).toContain(
    "500000 characters",
  );
});

test("a regex is translated once, whatever the number of statements", () => {
  const filter = parseDocumentFilter({ $regex: `(?i)${"[a-z]".repeat(900)}` });
  const startedAt = performance.now();
  for (let statement = 0; statement < 1_000; statement++) compileFilter(filter);
  expect(performance.now() - startedAt).toBeLessThan(5_000); // a translation each time would take a minute
});

test.each([
  ["a list of many values", { filter: { n: { $in: Array.from({ length: 100_000 }, (_, n) => n) } } }, "10000"],
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
  ["very many conditions on the text", { whereDocument: { $and: Array(400_000).fill({ $contains: "a" }) } }, "1000"],
])("%s is refused at once", (_, input, reason) => {
  const error = refusal(input);
  expect(error.code).toBe("invalid_filter");
  expect(error.path).toMatch(/^(filter|where_document)/);
  expect(error.message).toContain(reason);
  expect(error.message.length).toBeLessThan(400);
});

test("the path of an error is short, even for a long key", () => {
  const error = refusal({ filter: { ["k".repeat(100_000)]: null } });
  expect(error.path?.length).toBeLessThan(100);
  expect(error.message.length).toBeLessThan(400);
});

test("a filter with 100,000 levels of nesting is refused", () => {
  let filter: unknown = { a: 1 };
  for (let depth = 0; depth < 100_000; depth++) filter = { $not: filter };
  expect(refusal({ filter }).message).toContain("at most 8 deep");
});
