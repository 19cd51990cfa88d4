import * as fc from "fast-check";
import { expect, test } from "vitest";
import { scanIds } from "./scan-ids.ts";

const scan = (text: string) => scanIds(new TextEncoder().encode(text));

test("finds the ids of any body, wherever the key is, and as a parser reads them", () => {
  const others = fc.dictionary(
    fc.string().filter((key) => key !== "ids"),
    fc.jsonValue(),
  );
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary" })), others, others, fc.nat(3), (ids, before, after, indent) => {
      const { ids: _, ...rest } = after;
      const text = JSON.stringify({ ...before, ids, ...rest }, undefined, indent);
      const found = scan(text);
      if (found === undefined) return text.includes("\\"); // an escaped key
      expect(JSON.parse(found)).toEqual(JSON.parse(new TextDecoder().decode(new TextEncoder().encode(text))).ids);
      return true;
    }),
  );
});

test("ids inside of other values are not the ids", () => {
  expect(scan('{"metadatas":[{"ids":["no"]}],"documents":["\\"ids\\":[1]"],"ids":["yes"]}')).toBe('["yes"]');
  expect(scan('{"metadatas":[{"ids":["no"]}]}')).toBeUndefined();
});

test("leaves a body to the parser that has two lists of ids, an escaped key, or no valid form", () => {
  for (const body of [
    '{"ids":["a"],"ids":["b"]}',
    '{"\\u0069ds":["a"]}',
    '{"ids":["a"]',
    '{"ids":["a"]} {}',
    '{"ids":["a"],}',
    '{"ids":["a}',
    '{"ids":}',
    '["ids"]',
    "",
  ])
    expect(scan(body), body).toBeUndefined();
});
