import { expect, test } from "vitest";
import { parseMapping } from "./mapping.ts";

test("a mapping names targets, null leaves a collection out, and the default collection is knowledge", () => {
  const text = '{"faq": {"tenant": "acme", "collection": "faq"}, "notes": {"tenant": "acme"}, "a/b/c": null}';
  expect(parseMapping(text)).toEqual({
    faq: { tenant: "acme", collection: "faq" },
    notes: { tenant: "acme", collection: "knowledge" },
    "a/b/c": null,
  });
});

test("a byte order mark is ignored, and equal keys in two entries are allowed", () => {
  const text = '\uFEFF{"a": {"tenant": "{\\"tenant\\":"}, "b": {"tenant": "acme"}}';
  expect(Object.keys(parseMapping(text))).toEqual(["a", "b"]);
});

test("a tenant of 32 hex digits is a UUID without hyphens, as in a pattern", () => {
  const text = '{"faq": {"tenant": "0123456789ABCDEF0123456789abcdef"}}';
  expect(parseMapping(text).faq?.tenant).toBe("01234567-89ab-cdef-0123-456789abcdef");
});

test.each([
  ['{"faq": {"tenat": "acme"}}', "--map: faq", /at "faq/],
  ['{"faq": {"tenant": ""}}', "--map: faq.tenant", /at "faq.tenant"/],
  ['{"faq": {"tenant": "acme", "collection": 7}}', "--map: faq.collection", /at "faq.collection"/],
  ['{"faq": {"tenant": "acme", "extra": 1}}', "--map: faq", /extra/],
  ['{"faq": "acme"}', "--map: faq", /Example of an entry/],
  ['["faq"]', "--map: ", /Example of an entry/],
  ['{"faq": {"tenant": " acme"}}', "--map: faq.tenant", /begin or end with a space/],
  ['{"faq": {"tenant": "a\\u0000b"}}', "--map: faq.tenant", /control characters/],
  [`{"faq": {"tenant": "${"x".repeat(513)}"}}`, "--map: faq.tenant", /512/],
  ['{"faq": {"tenant": "a"}, "f\\u0061q": {"tenant": "b"}}', "--map: faq", /"faq" twice/],
  ['{"faq": {"tenant": "a", "tenant": "b"}}', "--map: tenant", /"tenant" twice/],
  ['{"faq": ', "--map", /is not JSON/],
])("%s is refused with the path %s", (text, path, message) => {
  expect(() => parseMapping(text)).toThrow(
    expect.objectContaining({
      code: "invalid_input",
      path: expect.stringContaining(path),
      message: expect.stringMatching(message),
    }),
  );
});
