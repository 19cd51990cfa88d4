import type { Settings } from "@cairn/core/database/settings.ts";
import { tenantSettings } from "@cairn/core/database/transaction.ts";
import { encodeVectorArray } from "@cairn/core/database/vector.ts";
import { findTarget } from "@cairn/core/search/target.ts";
import {
  chooseVectorPlan,
  type VectorPlan,
  vectorSettings,
  vectorStatement,
} from "@cairn/core/search/vector.ts";
import type { SQL } from "drizzle-orm";
import type { Cairn } from "./cairn.ts";

export interface SearchStatement {
  readonly plan: VectorPlan["kind"];
  /** Settings of the transaction, including role and tenant. */
  readonly settings: Settings;
  toSql(embedding: Float32Array): SQL;
}

/** The statement that the library sends for the tenant's ten nearest neighbors, with its transaction settings. */
export async function searchStatement({ database }: Cairn, tenantId: string): Promise<SearchStatement> {
  const target = await findTarget(database, tenantId);
  const plan = chooseVectorPlan(target);
  const { vector } = await database.vectorTypes();
  return {
    plan: plan.kind,
    settings: { ...tenantSettings(tenantId), ...vectorSettings(plan, { topK: 10 }) },
    toSql: (embedding) =>
      vectorStatement(target, plan, { vectors: encodeVectorArray([embedding], vector), topK: 10 }),
  };
}
