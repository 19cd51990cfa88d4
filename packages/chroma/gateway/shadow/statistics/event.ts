import type { Side } from "../../phase.ts";
import type { Comparison } from "../compare/outcome.ts";
import type { ReadKind } from "../read.ts";

export type WriteOutcome = "ok" | "refused" | "failed" | "unknown";
export type ReadOutcome = Comparison["outcome"] | "failed" | "dropped";

interface RecordedRequest {
  readonly tenantId: string;
  readonly side: Side;
  readonly milliseconds: number;
}

/** A finished write, or one side of a compared read. */
export type RequestEvent = RecordedRequest &
  (
    | { readonly kind: "write"; readonly outcome: WriteOutcome }
    | { readonly kind: ReadKind; readonly outcome: ReadOutcome }
  );
