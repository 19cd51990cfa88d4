import { expect, test } from "vitest";
import { type JsonObject, type JsonValue, parseExactJson, parseJson } from "../database/json.ts";
import { findMetadataFault, MAX_KEY_LENGTH, MAX_METADATA_BYTES } from "./metadata.ts";

const nested = (depth: number): JsonValue => {
  let value: JsonValue = 1;
  for (let level = 0; level < depth; level++) value = level % 2 ? [value] : { a: value };
  return value;
};
const faultOf = (text: string) => findMetadataFault(parseJson(text) as JsonObject);

test.each([
  ['{"size": 1e400}', "metadata.size", /1e400.*64-bit/],
  ['{"a": [0, {"b c": -1e999}]}', 'metadata.a[1]["b c"]', /-1e999/],
  ['{"tiny": 1e-400}', "metadata.tiny", /1e-400/],
])("%s is rejected with the path, the value and what to do", (text, path, message) => {
  const fault = faultOf(text);
  expect(fault?.path).toBe(path);
  expect(fault?.message).toMatch(message);
  expect(fault?.message).toMatch(/Send it as a string/);
});

test("NaN, infinity and integers of more than 1,000 digits from callers in the same process are rejected", () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 10n ** 1000n, -(10n ** 5000n)])
    expect(findMetadataFault({ a: [value] })?.path).toBe("metadata.a[0]");
  expect(findMetadataFault({ a: 10n ** 1000n - 1n })).toBeUndefined();
});

test("64 levels, 65,536 bytes and keys of 1,024 characters are accepted, and one more of each is rejected", () => {
  expect(findMetadataFault({ a: nested(63) })).toBeUndefined();
  expect(findMetadataFault({ a: nested(65) })?.message).toMatch(/nested deeper than 64/);
  expect(findMetadataFault({ a: nested(90_000) })?.message).toMatch(/nested deeper than 64/);
  const full = "é".repeat((MAX_METADATA_BYTES - '{"a":""}'.length) / 2);
  expect(findMetadataFault({ a: full })).toBeUndefined();
  expect(findMetadataFault({ a: `${full}x` })?.message).toMatch(/65,537 bytes.*limit of 65,536/);
  expect(findMetadataFault({ ["k".repeat(MAX_KEY_LENGTH)]: 1 })).toBeUndefined();
  expect(findMetadataFault({ ["k".repeat(MAX_KEY_LENGTH + 1)]: 1 })?.message).toMatch(/1025 characters/);
});

test("metadata that is far too large is rejected without being serialized", () => {
  const started = process.cpuUsage();
  expect(findMetadataFault({ a: Array.from({ length: 2_000_000 }, () => 1) })?.message).toMatch(/limit of 65,536/);
  expect(findMetadataFault({ a: "x".repeat(5_000_000) })?.message).toMatch(/limit of 65,536/);
  expect(process.cpuUsage(started).user / 1000).toBeLessThan(2_000);
});

test("numbers that keep their form count as many bytes as they have digits", () => {
  const list = (count: number) => parseExactJson(`{"list": [${Array(count).fill("1.0").join()}]}`) as JsonObject;
  expect(findMetadataFault(list(16_000))).toBeUndefined();
  expect(findMetadataFault(list(17_000))?.message).toMatch(/limit of 65,536/);
});
