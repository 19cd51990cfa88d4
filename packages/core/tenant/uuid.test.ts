import { expect, test } from "vitest";
import { parseUuid } from "./uuid.ts";

const UUID = "01234567-89ab-cdef-0123-456789abcdef";

test.each([
  UUID,
  UUID.toUpperCase(),
  UUID.replaceAll("-", ""),
  UUID.replaceAll("-", "_"),
  UUID.replaceAll("-", "."),
  `{${UUID}}`,
  `{${UUID.replaceAll("-", "").toUpperCase()}}`,
  `urn:uuid:${UUID}`,
  `URN:UUID:{${UUID.toUpperCase()}}`,
])("%s is parsed", (text) => {
  expect(parseUuid(text)).toBe(UUID);
});

test.each([
  "",
  "acme",
  `${UUID}0`,
  UUID.slice(1),
  `{${UUID}`,
  `${UUID}}`,
  ` ${UUID}`,
  `${UUID}\n`,
  "01234567-89ab_cdef-0123-456789abcdef",
  "0123456789ab-cdef-0123-456789abcdef",
  "g1234567-89ab-cdef-0123-456789abcdef",
  `uuid:${UUID}`,
])("%j is not a UUID", (text) => {
  expect(parseUuid(text)).toBeUndefined();
});
