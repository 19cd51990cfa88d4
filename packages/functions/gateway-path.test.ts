import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeGatewayPath } from "./gateway-path.ts";

/** The parts of a path as a router has them. */
const routed = (path: string) =>
  new URL(encodeGatewayPath(path), "https://api").pathname.split("/").map(decodeURIComponent);

test("a decoded path is the parts that were asked for, whatever an id holds but a slash", () => {
  const id = fc.string({ unit: "binary" }).filter((text) => !text.includes("/") && !/^\.{0,2}$/.test(text));
  fc.assert(
    fc.property(id, (document) => {
      expect(routed(`/v1/documents/${document}`)).toEqual(["", "v1", "documents", document.toWellFormed()]);
    }),
  );
  expect(routed("/v1/documents/a?b#c%2F d")).toEqual(["", "v1", "documents", "a?b#c%2F d"]);
});

test("no part climbs to another route", () => {
  for (const part of ["..", "."]) {
    const parts = routed(`/v1/documents/a/${part}/../collections/knowledge`);
    expect(parts).toHaveLength(8);
    expect(parts.slice(0, 4)).toEqual(["", "v1", "documents", "a"]);
  }
});
