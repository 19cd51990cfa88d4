import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { createCompiler } from "./compile.ts";

test("a statement is compiled with the placeholder values of each call", () => {
  const compile = createCompiler();
  const statement = sql`SELECT ${"one"}, ${sql.placeholder("other")}::int`;
  for (const other of [1, 2])
    expect(compile(statement, { other })).toEqual({ text: "SELECT $1, $2::int", values: ["one", other] });
  expect(() => compile(statement)).toThrow(/other/);
});

test("the same statement object is compiled once", () => {
  const compile = createCompiler();
  const statement = sql`SELECT ${1}`;
  compile(statement);
  statement.append(sql`, ${2}`);
  expect(compile(statement).text).toBe("SELECT $1");
});
