import type { ChromaCollection } from "../support/chroma.ts";
import type { Measured } from "../support/measure.ts";

export interface Tenant {
  readonly id: string;
  readonly name: string;
  readonly rows: number;
  /** The tenant's collection in Chroma. */
  readonly collection: ChromaCollection;
  /** The Chroma collection of all tenants, filtered with `where`. */
  readonly shared: ChromaCollection;
}

/** Measurements of one tenant's searches. */
export interface TenantMeasurement {
  readonly tenant: Tenant;
  readonly cairn: Measured;
  readonly filtered: readonly FilteredMeasurement[];
  /** Chroma with one collection per tenant. */
  readonly perTenant: Measured;
  /** Chroma with one collection for all tenants and `where`. */
  readonly where: Measured;
  readonly cairnRecall: number;
  /** Recall of Chroma with one collection per tenant. */
  readonly chromaRecall: number;
}

export interface FilteredMeasurement extends Measured {
  /** Selectivity of the filter. */
  readonly percent: number;
  readonly recall: number;
  /** Chroma with one collection per tenant and the same filter. */
  readonly chroma: Measured;
}
