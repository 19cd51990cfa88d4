import fc from "fast-check";
import { expect, test } from "vitest";
import { hashListing } from "./listing.ts";
import { addListings } from "./tally.ts";

const someIds = fc.uniqueArray(fc.string({ unit: "binary" }), { minLength: 1 });

test("the order of a listing and its division into pages do not matter", () => {
  fc.assert(
    fc.property(someIds, fc.nat(), (ids, at) => {
      const cut = at % (ids.length + 1);
      expect(hashListing(ids.toReversed())).toBe(hashListing(ids));
      expect(addListings(hashListing(ids.slice(cut)), hashListing(ids.slice(0, cut)))).toBe(hashListing(ids));
    }),
  );
});

test("an id more, an id less, an id twice and another id in its place are other listings", () => {
  fc.assert(
    fc.property(someIds, fc.string({ unit: "binary" }), (ids, other) => {
      fc.pre(!ids.includes(other));
      const [, ...rest] = ids;
      const listings = [ids, rest, [...ids, other], [other, ...rest], [...ids, ids[0] ?? ""]].map(
        hashListing,
      );
      expect(new Set(listings).size).toBe(listings.length);
    }),
  );
});

test("half a surrogate pair is told apart from another half and from the replacement character", () => {
  expect(new Set(["\ud800", "\ud801", "\udc00", "\ufffd"].map((id) => hashListing([id]))).size).toBe(4);
});

test("nothing is zero, and sums wrap at 128 bits", () => {
  expect(hashListing([])).toBe("0");
  expect(addListings("f".repeat(32), "1")).toBe("0");
});
