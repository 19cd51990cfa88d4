import { CHANGES } from "./changes.ts";
import { COLLECTIONS, SYSTEM } from "./collections.ts";
import { READS, WRITES } from "./records.ts";
import { SCHEMA_VARIANTS } from "./schema-variants.ts";
import { NEWER, SCHEMAS } from "./schemas.ts";
import type { Step } from "./step.ts";

/** The steps in their order: later ones use what earlier ones have made. */
export const STEPS: readonly Step[] = [
  ...SYSTEM,
  ...COLLECTIONS,
  ...WRITES,
  ...READS,
  ...CHANGES,
  ...NEWER,
  ...SCHEMAS,
  ...SCHEMA_VARIANTS,
];
