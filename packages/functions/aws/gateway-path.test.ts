import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeGatewayPath } from "./gateway-path.ts";

/** The path's segments as a router sees them. */
const routed = (path: string) =>
  new URL(encodeGatewayPath(path), "https://api").pathname.split("/").map(decodeURIComponent);

test("a decoded path keeps its segments, whatever characters except a slash an id contains", () => {
  const id = fc.string({ unit: "binary" }).filter((text) => !text.includes("/") && !/^\.{0,2}$/.test(text));
  fc.assert(
    fc.property(id, (document) => {
      expect(routed(`/v1/documents/${document}`)).toEqual(["", "v1", "documents", document.toWellFormed()]);
    }),
  );
  expect(routed("/v1/documents/a?b#c%2F d")).toEqual(["", "v1", "documents", "a?b#c%2F d"]);
});

test("a dot segment does not lead to another route", () => {
  for (const segment of ["..", "."]) {
    const segments = routed(`/v1/documents/a/${segment}/../collections/knowledge`);
    expect(segments).toHaveLength(8);
    expect(segments.slice(0, 4)).toEqual(["", "v1", "documents", "a"]);
  }
});
