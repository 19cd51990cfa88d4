import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { createCompiler } from "./compile.ts";

test("a statement is compiled with the values of its placeholders, each time with those that are given", () => {
  const compile = createCompiler();
  const statement = sql`SELECT ${"one"}, ${sql.placeholder("other")}::int`;
  for (const other of [1, 2])
    expect(compile(statement, { other })).toEqual({ text: "SELECT $1, $2::int", values: ["one", other] });
  expect(() => compile(statement)).toThrow(/other/);
});

test("one that comes again is not compiled again", () => {
  const compile = createCompiler();
  const statement = sql`SELECT ${1}`;
  compile(statement);
  statement.append(sql`, ${2}`);
  expect(compile(statement).text).toBe("SELECT $1");
});
