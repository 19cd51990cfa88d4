import fc from "fast-check";
import { expect, test } from "vitest";
import { parseExactJson, parseJson, parseLargeJson, stringifyJson } from "./json.ts";
import { createJsonParser } from "./parse-json.ts";
import { needsExactParser } from "./scan-json.ts";

/** Uses the shortest parts, so that `JSON.parse` parses as little as possible. */
function parse(text: string, part = 6): unknown {
  const parser = createJsonParser(text, { part });
  while (parser.run(3));
  return parser.result();
}

const part = fc.oneof(fc.integer({ min: 6, max: 40 }), fc.constant(65_536));

const gap = fc.constantFrom("", " ", "\n", "\t \r\n");
/** JSON from any writer: with white space, escapes, duplicate keys and numbers in every notation. */
const { text: anyJson } = fc.letrec<{ text: string }>((tie) => ({
  text: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(
      "true",
      "false",
      "null",
      "0",
      "-0",
      "1e5",
      "1.50",
      "-2E-3",
      "0.1",
      "123456789012345",
      '"\\u0000\\""',
      '"__proto__"',
    ),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
    fc.string({ unit: "binary" }).map((value) => JSON.stringify(value)),
    fc
      .array(fc.constantFrom("\\\\", '\\"', "\\n", "\\u00e9", "\\ud83d\\ude00", "😀", "u", "a"), {
        maxLength: 30,
      })
      .map((pieces) => `"${pieces.join("")}"`),
    fc
      .tuple(gap, fc.array(tie("text"), { maxLength: 4 }))
      .map(([space, items]) => `[${space}${items.join(`${space},`)}${space}]`),
    fc
      .tuple(
        gap,
        fc.array(fc.tuple(fc.oneof(fc.constantFrom("__proto__", "constructor", "a"), fc.string()), tie("text")), {
          maxLength: 4,
        }),
      )
      .map(
        ([space, items]) =>
          `{${items.map(([key, item]) => `${space}${JSON.stringify(key)}${space}:${item}`).join(",")}${space}}`,
      ),
  ),
}));

test("the parser returns the same value as JSON.parse, including own properties called __proto__", () => {
  fc.assert(
    fc.property(anyJson, part, (text, size) => {
      const rounded = JSON.stringify(parse(text, size), (_, item) => (typeof item === "bigint" ? Number(item) : item));
      expect(rounded).toBe(JSON.stringify(JSON.parse(text)));
    }),
    { numRuns: 1_000 },
  );
});

test("a list of numbers, short or long, nested or not, has the same values whether it is parsed as a whole or number by number", () => {
  const number = fc.oneof(
    fc.float({ noNaN: true, noDefaultInfinity: true }).map(String),
    fc.constantFrom(
      "0",
      "-0",
      "0.0",
      "1.0",
      "-7",
      "1e400",
      "-1e400",
      "1e-400",
      "12345678901234567890",
      "9007199254740993",
    ),
  );
  const list = fc
    .tuple(fc.array(number, { maxLength: 20 }), fc.constantFrom(1, 1, 100), fc.constantFrom("", "", "", '"]"', "[1]"))
    .map(([numbers, times, odd]) => `[${[...Array(times).fill(numbers).flat(), ...(odd ? [odd] : [])].join(",")}]`);
  const text = fc
    .tuple(fc.array(list, { minLength: 1, maxLength: 3 }), fc.constantFrom(0, 1, 4))
    .map(([lists, depth]) => `${'{"a":['.repeat(depth)}[${lists.join(",")}]${"]}".repeat(depth)}`);
  fc.assert(
    fc.property(text, (json) => {
      expect(parse(json, 65_536)).toStrictEqual(parse(json, 6));
    }),
    { numRuns: 1_000 },
  );
});

test("the parser refuses invalid JSON like JSON.parse", () => {
  const broken = fc
    .tuple(anyJson, fc.nat(), fc.constantFrom("", ",", "]", "}", '"', "x", "01", ":", "[", "-", "\u0001"))
    .map(([text, at, wrong]) => {
      const position = at % (text.length + 1);
      return text.slice(0, position) + wrong + text.slice(position + (wrong === "" ? 1 : 0));
    });
  const outcome = (read: (text: string) => unknown, text: string) => {
    try {
      read(text);
      return "accepted";
    } catch (error) {
      expect(error).toBeInstanceOf(SyntaxError);
      return "refused";
    }
  };
  fc.assert(
    fc.property(broken, part, (text, size) => {
      expect(outcome((input) => parse(input, size), text)).toBe(outcome(JSON.parse, text));
    }),
    { numRuns: 2_000 },
  );
  for (const text of [
    "",
    " ",
    "[1,]",
    '{"a":1,}',
    "1 2",
    "[1",
    '{"a"}',
    "{1:2}",
    "'a'",
    "tru",
    "[01]",
    "+1",
    ".5",
    "1.",
  ])
    expect(() => parse(text)).toThrow(SyntaxError);
});

test("integers keep every digit, and a number that no double can represent keeps its text", () => {
  const digits = "9".repeat(1_000);
  expect(parseJson(`[${digits}]`)).toEqual([BigInt(digits)]);
  expect(parseJson("-9007199254740993")).toBe(-9007199254740993n);
  for (const source of ["1e400", "-1e400", "1E+309", "1e-400", "0.1e-999", `${"1".repeat(400)}.5`]) {
    const [value] = parseJson(`[${source}]`) as [unknown];
    expect(JSON.isRawJSON(value)).toBe(true);
    expect(stringifyJson(value)).toBe(source);
    const [exact] = parseExactJson(`[${source}]`) as [unknown];
    expect(stringifyJson(exact)).toBe(source);
  }
  expect(parseJson('["1e400", "12345678901234567890", 0e999, 1e22]')).toEqual([
    "1e400",
    "12345678901234567890",
    0,
    1e22,
  ]);
});

test.each([
  ["an integer", "1".repeat(1_001)],
  ["a fraction", `0.${"1".repeat(1_001)}`],
  ["an exponent", `1e${"1".repeat(1_001)}`],
  ["a negative one", `-${"1".repeat(4_900_000)}`],
])("%s of more than 1,000 digits is refused before it is parsed", async (_, number) => {
  const start = process.cpuUsage();
  const text = `{"documents":[{"metadata":{"n":${number}}}]}`;
  expect(() => parseJson(text)).toThrow(/digits/);
  await expect(parseLargeJson(text)).rejects.toMatchObject({ code: "invalid_input" });
  expect(process.cpuUsage(start).user / 1000).toBeLessThan(1_000);
});

test("digits in a string have no limit", () => {
  const text = JSON.stringify([`\\"${"1".repeat(5_000)}`, "e9".repeat(900)]);
  expect(needsExactParser(text)).toBe(false);
  expect(parseJson(text)).toEqual(JSON.parse(text));
});

test("100,000 levels of nesting are parsed, and one more is refused", () => {
  const nested = (depth: number, inner: string) => `${"[".repeat(depth)}${inner}${"]".repeat(depth)}`;
  let value = parseJson(nested(100_000, "9007199254740993"));
  let depth = 0;
  for (; Array.isArray(value); depth++) value = value[0] as never;
  expect(depth).toBe(100_000);
  expect(value).toBe(9007199254740993n);
  expect(() => parseJson(nested(100_001, "1"))).toThrow(/nested too deep/);
});

test.each([
  ["many integers", `[9007199254740993,${"1,".repeat(2_400_000)}1]`],
  ["objects", `[9007199254740993,${'{"a":1},'.repeat(600_000)}1]`],
  ["depth", `${"[1,".repeat(90_000)}9007199254740993${"]".repeat(90_000)}`],
  ["one string", JSON.stringify({ content: 'a "line"\n'.repeat(400_000) })],
  ["one string of backslashes", JSON.stringify(["\\".repeat(2_500_000)])],
  ["vectors", JSON.stringify(Array(10).fill(Array(16_000).fill(0.123456789012345)))],
])("five megabytes of JSON with %s are parsed in time slices", async (_, text) => {
  let iterations = 0;
  let isParsing = true;
  const count = () => {
    iterations++;
    if (isParsing) setImmediate(count);
  };
  setImmediate(count);
  await parseLargeJson(text);
  isParsing = false;
  expect(iterations).toBeGreaterThan(text.length / 200_000);
});
