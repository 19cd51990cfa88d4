/** The counts of one pass over one collection so far. Saved with the cursor, so that a pass can be resumed. */
export interface Tally {
  /** Records of the source that the pass has read. */
  readonly seen: number;
  /** Records that were compared with the target. */
  readonly compared: number;
  readonly vectorsExact: number;
  readonly vectorsWithinTolerance: number;
  /** Largest difference of one vector element; 0 if all are equal bit by bit. */
  readonly maxVectorDifference: number;
  /** Records that were written or, in a verification, that differ. */
  readonly changed: number;
  /** Records that differ and were kept, because they were changed in Cairn. */
  readonly kept: number;
  /** Records that were deleted in Cairn and stay deleted. */
  readonly deleted: number;
  readonly quarantined: number;
  /** Sum of the ids' hashes modulo 2^128, in hex. Two sets of ids are equal if their sums are equal. */
  readonly listing: string;
  /** The same sum for the ids that were deleted in Cairn. */
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

/** A tally as the ledger stores it: `quarantined` has its old key `setAside`, which the previous version reads. */
type StoredTally = Partial<Omit<Tally, "quarantined"> & { readonly setAside: number }>;

export function serializeTally({ quarantined, ...tally }: Tally): string {
  return JSON.stringify({ ...tally, setAside: quarantined } satisfies StoredTally);
}

/** Parses a tally from the ledger. Counts that an older version did not store are 0. */
export function parseTally(json: string): Tally {
  const { setAside = 0, ...tally } = JSON.parse(json) as StoredTally;
  return { ...EMPTY_TALLY, ...tally, quarantined: setAside };
}

/** The sum of two parts of one pass. */
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

/** The hash of the ids that a pass expects in the target: all ids of the source except those deleted in Cairn. */
export function expectedListing({ listing, deletedListing }: Tally): string {
  return BigInt.asUintN(128, BigInt(`0x${listing}`) - BigInt(`0x${deletedListing}`)).toString(16);
}

/** The sum of two listings, in hex. */
export function addListings(a: string, b: string): string {
  return BigInt.asUintN(128, BigInt(`0x${a}`) + BigInt(`0x${b}`)).toString(16);
}
