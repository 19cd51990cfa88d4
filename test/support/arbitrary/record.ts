import type { JsonObject, JsonValue } from "@cairn/core/database/json.ts";
import fc from "fast-check";

/** Features of the Chroma server under test, found by trying them. */
export interface Features {
  /** The keys of KEYS that it accepts. */
  readonly keys: readonly string[];
  readonly lists: boolean;
  readonly regex: boolean;
  /** Whether `where` supports the key `#document`. */
  readonly documentKey: boolean;
}

export interface RecordContent {
  readonly document: string | null;
  readonly metadata: JsonObject;
}

export const KEYS = ["n", "fraction", "s", "list", "", "a b", "q\"'\\", "clé\u{1F600}", "nul\0key", "a.b", "%"];

/** The parts of documents and of patterns for them. */
export const UNITS = [
  ...["a", "b", "A", "B", "k", "K", "s", "é", "É", "e\u0301", "ß", "日", "😀", "\u212A", "٣", "0", "1", "f", "x"],
  ...["_", "%", "\\", "-", ".", " ", "\n", "\r\n", "\u2028", "\uFFFE", "00", "foo"],
];

export const text = fc.constantFrom(
  ...["", "a", "A", "a ", "é", "e\u0301", "1", "1.0", "true", "a\0b", "\uFFFE0000", "%", "日本", "😀"],
);
export const smallInteger = fc.integer({ min: -3, max: 3 });
/** A float equal to an integer: `1.0` in the JSON that is sent. */
const wholeFloat = smallInteger.map((n): JsonValue => JSON.rawJSON(`${n}.0`) as unknown as JsonValue);
export const largeInteger = fc.constantFrom(
  2n ** 53n,
  2n ** 53n + 1n,
  2n ** 53n + 2n,
  2n ** 63n - 1n,
  -(2n ** 53n) - 1n,
);
export const listedFraction = fc.constantFrom(0.5, 1.5, -0.25);
export const number = fc.oneof(smallInteger, wholeFloat, largeInteger);
export const fraction = fc.oneof(fc.constantFrom(-0.5, 0.1, 0.5, 1.5, 2.25, 1e-9), wholeFloat);
export const scalar = fc.oneof(text, smallInteger, wholeFloat, largeInteger, fc.boolean());

/** A text of up to `maxLength` units, with an occasional NUL at its end or anywhere. */
export function phrase(maxLength: number, nul: "never" | "last" | "anywhere" = "never"): fc.Arbitrary<string> {
  const units = fc.constantFrom(...UNITS, ...(nul === "anywhere" ? ["\0"] : []));
  const ending = nul === "last" ? fc.constantFrom("", "", "", "\0") : fc.constant("");
  return fc.tuple(fc.array(units, { maxLength }), ending).map(([parts, end]) => parts.join("") + end);
}

/** Text or null, and for each key no value or a value of any type that the server accepts for it. */
export function recordContent(features: Features, nul: "last" | "anywhere"): fc.Arbitrary<RecordContent> {
  const size = { maxLength: 3 };
  const list = fc.oneof(
    ...[
      fc.array(text, size),
      fc.array(smallInteger, size),
      fc.array(listedFraction, size),
      fc.array(fc.boolean(), size),
    ],
  );
  const special: Readonly<Record<string, fc.Arbitrary<JsonValue>>> = {
    fraction: fc.oneof(fraction, text),
    ...(features.lists ? { list: fc.oneof(scalar, list, list) } : {}),
  };
  const entries = features.keys.map((key) =>
    fc.option(
      (special[key] ?? scalar).map((value) => [key, value] as const),
      { nil: undefined },
    ),
  );
  return fc.record({
    document: fc.option(phrase(8, nul), { freq: 6 }),
    metadata: fc.tuple(...entries).map((pairs) => Object.fromEntries(pairs.filter((pair) => pair !== undefined))),
  });
}
