/** A large read returns megabytes or compares all passages; a large write sends megabytes; `files` are converted. */
export type LargeKind = "read" | "write" | "files";

/** A request's slot under the concurrency limit of its tenant. */
export interface RequestSlot {
  /**
   * Waits for a slot for large requests. A tenant has few of these, because reading or writing megabytes takes memory
   * and event-loop time from all tenants. Further calls with the same kind have no effect. Throws `tenant_busy`.
   */
  acquireLarge(kind: LargeKind): Promise<void>;
  /** Counts the request as a stream from now on, no longer as a request. Throws `tenant_busy`. */
  convertToStream(): void;
  /** Releases the slot. Further calls have no effect. */
  release(): void;
}
