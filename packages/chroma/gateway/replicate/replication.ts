import type { Services } from "@cairn/core/services.ts";
import type { Lease } from "../../lease/tenant-lease.ts";
import type { NameRules } from "../../namespace/name-rules.ts";
import type { Phase } from "../phase.ts";
import type { RequestStatistics } from "../shadow/statistics/statistics.ts";
import type { ToChromaContext } from "./context.ts";

/** What the replication of one tenant works with, while it has the lease. */
export interface Replication extends ToChromaContext {
  readonly services: Services;
  readonly tenantId: string;
  readonly tenantName: string;
  readonly phase: Phase;
  readonly namespaceId: string;
  readonly rules: NameRules;
  readonly lease: Lease;
  /** Renews the lease if it is time to. Throws `run_held` if it was lost. */
  readonly renew: () => Promise<void>;
  readonly statistics: Pick<RequestStatistics, "record">;
}
