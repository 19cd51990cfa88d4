/** What a large request does: answers with megabytes or compares all passages, or brings megabytes. */
export type LargeKind = "read" | "write";

/** A request's place among those of its tenant. */
export interface Place {
  /**
   * Waits for a place among the tenant's large requests, of which few are worked on at once: what reads or writes
   * megabytes takes the memory and the event loop of all. Once is enough for each kind. Throws `tenant_busy`.
   */
  large(kind: LargeKind): Promise<void>;
  /** Makes it a streamed answer, which no longer counts as a request. Throws `tenant_busy`. */
  stream(): void;
  /** Gives it up; once is enough. */
  leave(): void;
}
