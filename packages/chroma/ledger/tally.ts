/** What one pass over one collection has counted so far. Kept with the cursor, so that a pass can be taken up again. */
export interface Tally {
  /** Records of the source seen. */
  readonly seen: number;
  /** Records compared with the target's. */
  readonly compared: number;
  readonly vectorsExact: number;
  readonly vectorsWithinTolerance: number;
  /** Largest difference of one element of a vector, 0 where all are equal to the bit. */
  readonly maxVectorDifference: number;
  /** Records that were written, or, when only looking, that differ. */
  readonly changed: number;
  /** Records that differ and were left as they are, because somebody changed them in Cairn. */
  readonly kept: number;
  /** Records that were deleted in Cairn, and stay so. */
  readonly deleted: number;
  readonly quarantined: number;
  /** Sum of the ids' hashes modulo 2^128, in hex: two sets of ids are equal when their sums are. */
  readonly listing: string;
  /** The same of the ids that were deleted in Cairn. */
  readonly deletedListing: string;
}

export const EMPTY_TALLY: Tally = {
  seen: 0,
  compared: 0,
  vectorsExact: 0,
  vectorsWithinTolerance: 0,
  maxVectorDifference: 0,
  changed: 0,
  kept: 0,
  deleted: 0,
  quarantined: 0,
  listing: "0",
  deletedListing: "0",
};

/** A tally as the ledger stores it: `quarantined` under its first name, which the previous version reads. */
type StoredTally = Partial<Omit<Tally, "quarantined"> & { readonly setAside: number }>;

export function serializeTally({ quarantined, ...tally }: Tally): string {
  return JSON.stringify({ ...tally, setAside: quarantined } satisfies StoredTally);
}

/** The tally of a ledger's JSON; counts that an older version did not keep are 0. */
export function parseTally(json: string): Tally {
  const { setAside = 0, ...tally } = JSON.parse(json) as StoredTally;
  return { ...EMPTY_TALLY, ...tally, quarantined: setAside };
}

/** Two parts of one pass together. */
export function addTally(a: Tally, b: Tally): Tally {
  return {
    seen: a.seen + b.seen,
    compared: a.compared + b.compared,
    vectorsExact: a.vectorsExact + b.vectorsExact,
    vectorsWithinTolerance: a.vectorsWithinTolerance + b.vectorsWithinTolerance,
    maxVectorDifference: Math.max(a.maxVectorDifference, b.maxVectorDifference),
    changed: a.changed + b.changed,
    kept: a.kept + b.kept,
    deleted: a.deleted + b.deleted,
    quarantined: a.quarantined + b.quarantined,
    listing: addListings(a.listing, b.listing),
    deletedListing: addListings(a.deletedListing, b.deletedListing),
  };
}

/** The ids that a pass expects in the target: all of the source but those deleted in Cairn. */
export function expectedListing({ listing, deletedListing }: Tally): string {
  return BigInt.asUintN(128, BigInt(`0x${listing}`) - BigInt(`0x${deletedListing}`)).toString(16);
}

/** The sum of two listings, in hex. */
export function addListings(a: string, b: string): string {
  return BigInt.asUintN(128, BigInt(`0x${a}`) + BigInt(`0x${b}`)).toString(16);
}
