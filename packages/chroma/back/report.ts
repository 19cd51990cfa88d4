import type { ReplicaFinding } from "../gateway/replicate/context.ts";
import type { ChromaPath } from "../protocol/path.ts";
import type { Verdict } from "../report/report.ts";

/** The result of writing a tenant's data back to Chroma. Plain JSON: ids and names, never texts, vectors or credentials. */
export interface BackReport {
  /** Version of this format. */
  readonly version: 1;
  readonly kind: "migrate_back";
  /** When the comparison ended, ISO 8601 in UTC. */
  readonly createdAt: string;
  readonly cairnVersion: string;
  /** The database that was read. */
  readonly database: { readonly kind: string; readonly name: string };
  readonly tenant: { readonly id: string; readonly name: string };
  /** Chroma's address, without credentials. */
  readonly chroma: { readonly url: string };
  readonly verdict: Verdict;
  /** Wall time in seconds. */
  readonly seconds: number;
  readonly totals: BackTotals & { readonly collections: number };
  readonly collections: readonly BackCollection[];
  /** The first documents that Chroma does not hold. `totals.leftOut` is the full count. */
  readonly leftOut: readonly LeftOutDocument[];
}

export interface BackTotals {
  /** Documents in Cairn. */
  readonly documents: number;
  /** Records in Chroma. */
  readonly records: number;
  /** Documents that the last pass found to be equal in Chroma: id, text, metadata, URI and vector. */
  readonly equal: number;
  readonly written: number;
  /** Records that only Chroma had, and that were deleted. */
  readonly deleted: number;
  /** Records that only Chroma has. */
  readonly extra: number;
  /** Documents that Chroma cannot hold. */
  readonly leftOut: number;
}

export interface BackCollection extends BackTotals {
  /** Name in Cairn. */
  readonly collection: string;
  readonly chroma: ChromaPath & { readonly id: string };
  /** Whether it was created in Chroma. */
  readonly created: boolean;
  readonly passes: number;
  readonly seconds: number;
  readonly verdict: Verdict;
  /** What differs in the collection itself, or why equality is unproven. */
  readonly problems: readonly string[];
  /** The first of the records that only Chroma has. */
  readonly extraIds: readonly string[];
}

export interface LeftOutDocument {
  /** Name in Cairn. */
  readonly collection: string;
  readonly id: string;
  readonly reason: ReplicaFinding["kind"];
  readonly detail: string;
}

/** Entries of a list of ids. */
export const MAX_LISTED = 1_000;

const TOTALS = ["documents", "records", "equal", "written", "deleted", "extra", "leftOut"] as const;

/** The totals of several collections. */
export function sumTotals(collections: readonly BackTotals[]): BackTotals {
  const sum = (name: (typeof TOTALS)[number]) => collections.reduce((total, { [name]: count }) => total + count, 0);
  return Object.fromEntries(TOTALS.map((name) => [name, sum(name)])) as Record<(typeof TOTALS)[number], number>;
}

/** The verdict of a collection: documents that are left out deliberately are exceptions. */
export function judge(
  { extra, leftOut, equal, documents, problems }: Omit<BackCollection, "verdict">,
  { skipDocuments }: { readonly skipDocuments: boolean },
): Verdict {
  const isComplete = extra === 0 && problems.length === 0 && equal + leftOut === documents;
  if (!isComplete || (leftOut > 0 && !skipDocuments)) return "not_identical";
  return leftOut > 0 ? "identical_with_exceptions" : "identical";
}

/** The worst verdict of several. */
export function worstVerdict(verdicts: readonly Verdict[]): Verdict {
  const order: readonly Verdict[] = ["not_identical", "identical_with_exceptions"];
  return order.find((verdict) => verdicts.includes(verdict)) ?? "identical";
}
