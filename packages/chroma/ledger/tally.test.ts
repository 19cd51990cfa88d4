import { expect, test } from "vitest";
import { EMPTY_TALLY, parseTally, serializeTally } from "./tally.ts";

test("a tally is stored under keys that the previous version reads, and is restored unchanged", () => {
  const tally = { ...EMPTY_TALLY, seen: 10, quarantined: 3, listing: "ff" };
  expect(JSON.parse(serializeTally(tally))).toMatchObject({ seen: 10, setAside: 3 });
  expect(parseTally(serializeTally(tally))).toEqual(tally);
});

test("counts that an older version did not store are 0", () => {
  expect(parseTally('{"seen":2}')).toEqual({ ...EMPTY_TALLY, seen: 2 });
});
