import type { Collection } from "@cairn/core/collection/collection.ts";
import type { Database } from "@cairn/core/database/database.ts";
import type { Row } from "@cairn/core/document/document.ts";
import type { Tally } from "../ledger/tally.ts";
import type { ReportDifference } from "../report/report.ts";
import type { Source, SourceCollection } from "../source/source.ts";
import type { PageMemory } from "./memory.ts";
import type { PageSize } from "./page-size.ts";
import type { CopyRules, Quarantined } from "./record.ts";
import type { StoredRow } from "./stored.ts";

/** Bounds how many requests are under way at once, over all collections. */
export type Limit = <T>(work: () => Promise<T>) => Promise<T>;

export interface PageSource {
  readonly source: Source;
  readonly database: Database;
  readonly collection: SourceCollection;
  readonly target: Collection;
  readonly rules: CopyRules;
  /** Records a request at most. */
  readonly pageSize: number;
  /** Pages read ahead of the one at hand. */
  readonly ahead: number;
  readonly limit: Limit;
  /** Bounds the bytes of pages in flight, over all collections. */
  readonly memory: PageMemory;
  /** How large the collection's pages have been so far. */
  readonly pageSizing: PageSize;
  /** The target was empty at the start: nothing to compare with. */
  readonly fresh: boolean;
  /** What was changed in Cairn is compared, and written, like everything else. */
  readonly discardChanges: boolean;
}

/** One record whose rows are missing or differ. */
export interface Change {
  readonly rows: readonly Row[];
  readonly stored: readonly StoredRow[];
  readonly difference: Omit<ReportDifference, "collection">;
}

/** A page of the source, compared with what Postgres holds under the same ids. */
export interface ComparedPage {
  /** Where the next page begins, in the source's order. */
  readonly position: number;
  readonly changes: readonly Change[];
  readonly quarantined: readonly Quarantined[];
  /** Ids of records that were deleted in Cairn. */
  readonly deleted: readonly string[];
  /** Ids of records that the service has written, whether they differ or not. */
  readonly own: readonly string[];
  /** Without `changed` and `kept`: whoever acts on the page decides those. */
  readonly tally: Tally;
  /** Bytes of the records that were read, decoded. */
  readonly bytesRead: number;
  /** Bytes of the changes, until they are written. */
  readonly bytes: number;
}
