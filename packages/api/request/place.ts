/** A request's place among those of its tenant. */
export interface Place {
  /** Makes it a streamed answer, which no longer counts as a request. Throws `tenant_busy`. */
  stream(): void;
  /** Gives it up; once is enough. */
  leave(): void;
}
