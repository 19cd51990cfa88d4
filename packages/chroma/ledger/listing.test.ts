import fc from "fast-check";
import { expect, test } from "vitest";
import { hashListing } from "./listing.ts";
import { addListings } from "./tally.ts";

const someIds = fc.uniqueArray(fc.string({ unit: "binary" }), { minLength: 1 });

test("the hash does not depend on the order of the ids or their division into pages", () => {
  fc.assert(
    fc.property(someIds, fc.nat(), (ids, at) => {
      const cut = at % (ids.length + 1);
      expect(hashListing(ids.toReversed())).toBe(hashListing(ids));
      expect(addListings(hashListing(ids.slice(cut)), hashListing(ids.slice(0, cut)))).toBe(hashListing(ids));
    }),
  );
});

test("an added, a missing, a repeated and a replaced id each change the hash", () => {
  fc.assert(
    fc.property(someIds, fc.string({ unit: "binary" }), (ids, other) => {
      fc.pre(!ids.includes(other));
      const [, ...rest] = ids;
      const listings = [ids, rest, [...ids, other], [other, ...rest], [...ids, ids[0] ?? ""]].map(hashListing);
      expect(new Set(listings).size).toBe(listings.length);
    }),
  );
});

test("lone surrogates have hashes that differ from each other and from the replacement character", () => {
  expect(new Set(["\ud800", "\ud801", "\udc00", "\ufffd"].map((id) => hashListing([id]))).size).toBe(4);
});

test("the hash of an empty listing is 0, and sums wrap at 128 bits", () => {
  expect(hashListing([])).toBe("0");
  expect(addListings("f".repeat(32), "1")).toBe("0");
});
