import type { Probe } from "./ask.ts";
import { ADMIN_READS, CHANGES, INSERTS, NOBODY, POSTINGS, REST, SELECTS } from "./walls.ts";
import { ADMIN_WORKS, KEYS, LEASES, LEDGER_WORKS, SAME_ANSWER, START_UP, TENANT_WORKS } from "./work.ts";

export const PROBES: readonly Probe[] = [
  SELECTS,
  CHANGES,
  INSERTS,
  REST,
  NOBODY,
  ADMIN_READS,
  SAME_ANSWER,
  POSTINGS,
  TENANT_WORKS,
  ADMIN_WORKS,
  LEDGER_WORKS,
  LEASES,
  KEYS,
];

export const START_UP_PROBE = START_UP;
