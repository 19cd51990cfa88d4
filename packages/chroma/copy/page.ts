import type { Collection } from "@cairn/core/collection/collection.ts";
import type { Database } from "@cairn/core/database/database.ts";
import type { Row } from "@cairn/core/document/document.ts";
import type { Tally } from "../ledger/tally.ts";
import type { ReportDifference } from "../report/report.ts";
import type { Source, SourceCollection } from "../source/source.ts";
import type { AdaptivePageSize } from "./adaptive-page-size.ts";
import type { PageMemory } from "./memory.ts";
import type { CopyRules, QuarantinedRecord } from "./record.ts";
import type { StoredRow } from "./stored.ts";

/** Limits concurrent requests, over all collections. */
export type Limit = <T>(work: () => Promise<T>) => Promise<T>;

/** What a pass over one collection needs: both sides, the rules, and the limits. */
export interface PassContext {
  readonly source: Source;
  readonly database: Database;
  readonly collection: SourceCollection;
  readonly target: Collection;
  readonly rules: CopyRules;
  /** Records in one request at most. */
  readonly pageSize: number;
  /** Pages that are read ahead of the current one. */
  readonly maxPagesAhead: number;
  readonly limit: Limit;
  /** Limits the bytes of pages in flight, over all collections. */
  readonly memory: PageMemory;
  /** Adapts the number of records of a page to the bytes of the pages before it. */
  readonly adaptivePageSize: AdaptivePageSize;
  /** The target was empty at the start, so there is nothing to compare. */
  readonly fresh: boolean;
  /** Changes made in Cairn are compared and overwritten like everything else. */
  readonly discardChanges: boolean;
}

/** One record whose rows are missing or differ. */
export interface Change {
  readonly rows: readonly Row[];
  readonly stored: readonly StoredRow[];
  readonly difference: Omit<ReportDifference, "collection">;
}

/** A page of the source, compared with the rows in Postgres that have the same ids. */
export interface ComparedPage {
  /** Offset of the next page, in the source's order. */
  readonly position: number;
  readonly changes: readonly Change[];
  readonly quarantined: readonly QuarantinedRecord[];
  /** Ids of records that were deleted in Cairn. */
  readonly deleted: readonly string[];
  /** Ids of records that were written through the service, whether they differ or not. */
  readonly writtenByService: readonly string[];
  /** Without `changed` and `kept`, which the caller decides. */
  readonly tally: Tally;
  /** Bytes of the decoded records. */
  readonly bytesRead: number;
  /** Bytes of the changes. */
  readonly bytes: number;
}
