import { sql } from "drizzle-orm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { useTestDatabase } from "../../../../test/support/fixture.ts";
import { selectRows } from "../../database/rows.ts";
import { AppError } from "../../error.ts";
import { translateRegex } from "./translate.ts";

const testDatabase = useTestDatabase();

async function matches(pattern: string, text: string): Promise<boolean | undefined> {
  const statement = sql`SELECT ${text}::text COLLATE "C" ~ ${translateRegex(pattern)}::text AS found`;
  const rows = await testDatabase.database.transaction(({ orm }) => selectRows<{ found: boolean }>(orm, statement));
  return rows[0]?.found;
}

describe("a translated pattern", () => {
  test.each([
    ["a.c", "a\nc", false],
    ["(?s)a.c", "a\nc", true],
    ["a$", "a\n", false],
    ["(?m)a$", "a\nb", true],
    ["(?m)^b", "a\nb", true],
    ["^b", "a\nb", false],
    ["\\Ab\\z", "b\n", false],
    ["\\bcafé\\b", "un café noir", true],
    ["\\bcaf\\b", "un café noir", false],
    ["\\b{start}foo\\b{end}", "(foo)", true],
    ["(?i)STRASSE", "Strasse", true],
    ["(?i)straße", "STRAẞE", true],
    ["(?i)k", "\u212A", true],
    ["a(?i)b|C", "aB", true],
    ["a(?i)b|C", "c", true],
    ["a(?i:b)c", "aBC", false],
    ["\\d", "٣", true],
    ["[[:digit:]]", "٣", false],
    ["\\w+", "日本", true],
    ["\\s", "\u2003", true],
    ["\\p{Lu}\\p{Greek}", "Éλ", true],
    ["[a-z&&[^aeiou]]", "aei", false],
    ["[\\w--\\d]", "123", false],
    ["[a-f~~d-k]", "def", false],
    ["(?i)[^k]", "\u212A", false],
    ["(?P<year>\\d{4})-(?<month>\\d{2})", "on 2026-08-01", true],
    ["\\x41\\u0042\\U00000043\\x{44}", "ABCD", true],
    ["\\.\\*\\[\\-\\%\\#", "x.*[-%#", true],
    ["***=", "", undefined],
    ["a++b*?", "aa", true],
    ["(?:^)*$|x{0}", "", true],
    ["", "anything", true],
    ["[]a]", "]", true],
    ["[a&&b]", "ab", false],
    ["😀{2}", "😀😀", true],
  ])("%j on %j: %s", async (pattern, text, expected) => {
    if (expected === undefined) expect(() => translateRegex(pattern)).toThrow();
    else expect(await matches(pattern, text)).toBe(expected);
  });

  test("never makes Postgres fail, whatever constructs it has", async () => {
    const piece = fc.constantFrom(
      ..."ab*+?|()[]{}^$.\\-,:&~<>P=!i09é\n ",
      "{2,3}",
      "{0,200}",
      "(?:",
      "(?i)",
      "\\b",
      "\\w",
      "[^",
    );
    const pattern = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(""));
    const property = fc.asyncProperty(pattern, async (source) => {
      fc.pre(isAccepted(source));
      expect(await matches(source, "ab (0)\né")).toBeTypeOf("boolean");
    });
    await fc.assert(property, { seed: 1, numRuns: 500, maxSkipsPerRun: 1_000 });
  });
});

function isAccepted(source: string): boolean {
  try {
    translateRegex(source);
    return true;
  } catch (error) {
    if (error instanceof AppError && error.code === "invalid_filter") return false;
    throw error;
  }
}

describe("translateRegex() refuses, naming construct and path,", () => {
  test.each([
    ["a(?=b)", '"(?="', "look-around"],
    ["(?<!a)b", '"(?<!"', "look-around"],
    ["(a)\\1", '"\\\\1"', "back-reference"],
    ["(?x) a", '"(?x)"', "not supported"],
    ["(?-u:a)", '"(?-u:"', "not supported"],
    ["(?R)$", '"(?R)"', "not supported"],
    ["(?>a)", '"(?>a)"', "do not exist"],
    ["(?i", "ends", '")"'],
    ["(?P<n>a)(?P<n>b)", '"(?P<n>"', "taken"],
    ["(a", '"(a"', "not closed"],
    ["a)", '")"', "not open"],
    ["[a", '"[a"', '"]"'],
    ["[b-a]", '"b-a"', "start is after its end"],
    ["[a-\\d]", '"a-\\\\d"', "not a single character"],
    ["[\\b]", '"\\\\b"', "class cannot contain"],
    ["*a", '"*"', "nothing to repeat"],
    ["a|+", '"+"', "nothing to repeat"],
    ["(?i)*", '"*"', "nothing to repeat"],
    ["a{,3}", '"{,3}"', "{n,m}"],
    ["a{3,2}", '"{3,2}"', "minimum is greater than its maximum"],
    ["a{256}", '"{256}"', "255"],
    ["(a{100}){100}", '"(a{100}){100}"', "too large"],
    ["(?:(?:a?){30}){30}", "too large", "250 optional"],
    ["(?:\\b|a){9}", '"(?:\\\\b|a){9}"', "repeats an assertion"],
    ["\\q", '"\\\\q"', "unknown escape"],
    ["\\xzz", '"\\\\xzz"', "not a Unicode character"],
    ["\\x{D800}", '"\\\\x{D800}"', "not a Unicode character"],
    ["\\p{Klingon}", '"\\\\p{Klingon}"', "unknown Unicode property"],
    ["\\", "ends", "escaped character"],
    ["\uD83D", "half a surrogate pair", "run"],
  ])("%j", (pattern, construct, reason) => {
    expect(() => translateRegex(pattern, "where_document.$regex")).toThrow(
      expect.objectContaining({ code: "invalid_filter", path: "where_document.$regex" }),
    );
    expect(() => translateRegex(pattern)).toThrow(construct);
    expect(() => translateRegex(pattern)).toThrow(reason);
  });

  test("100,000 nested groups or classes, without running out of stack", () => {
    expect(() => translateRegex("(".repeat(100_000))).toThrow("50 deep");
    expect(() => translateRegex("[".repeat(100_000))).toThrow("20 deep");
  });
});
