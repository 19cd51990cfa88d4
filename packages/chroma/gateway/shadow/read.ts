/** The reads that are compared. */
export type ReadKind = "get" | "count" | "query";

/** A response of one side. */
export interface Answer {
  readonly status: number;
  readonly body: Uint8Array;
  readonly milliseconds: number;
}

/** A read of one collection. */
export interface ReadRequest {
  readonly kind: ReadKind;
  /** The parsed JSON of the request; undefined for `count`. */
  readonly body: unknown;
}

/** The ids whose changes have not reached Cairn; `all`: they are not known one by one, or the collection itself changes. */
export type PendingIds = ReadonlySet<string> | "all";

/** A read that Chroma has answered, with what is needed to ask it again. */
export interface ShadowRead extends ReadRequest {
  readonly tenantId: string;
  /** Lineage of the collection in Cairn. */
  readonly collectionId: string;
  /** What the client got. */
  readonly chroma: Answer;
  /** Sends the same read to Cairn. */
  readonly askCairn: (signal: AbortSignal) => Promise<Answer>;
  /**
   * Sends a read of the same collection to Chroma: the same one again if the answers differ, because a write may have
   * changed both sides since, or a `get` of records that only Cairn found.
   */
  readonly askChroma: (request: ReadRequest, signal: AbortSignal) => Promise<Answer>;
  /** Called before and after each question. */
  readonly pendingIds: () => Promise<PendingIds>;
  /** Share of the tenant's reads that are compared, 0 to 1. Default: see `createSampler`. */
  readonly sample?: number;
}
