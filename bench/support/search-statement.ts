import type { Settings } from "@cairn/core/database/settings.ts";
import { tenantSettings } from "@cairn/core/database/transaction.ts";
import { encodeVectorArray } from "@cairn/core/database/vector.ts";
import type { NearestPlan } from "@cairn/core/search/plan.ts";
import { planSearch } from "@cairn/core/search/plan-search.ts";
import { findTarget } from "@cairn/core/search/read-target.ts";
import { vectorStatement } from "@cairn/core/search/vector.ts";
import type { SQL } from "drizzle-orm";
import type { Cairn } from "./cairn.ts";

export interface SearchStatement {
  readonly plan: "index" | "exact";
  /** Settings of the transaction, including role and tenant. */
  readonly settings: Settings;
  toSql(embedding: Float32Array): SQL;
}

/** The statement that the library sends for the tenant's ten nearest neighbors, with its transaction settings. */
export async function searchStatement({ database }: Cairn, tenantId: string): Promise<SearchStatement> {
  const target = await findTarget(database, tenantId);
  const search = { mode: "vector", topK: 10 } as const;
  const plan = planSearch(target, search, { list: "vector", excluded: new Set() }) as NearestPlan;
  const { vector } = await database.vectorTypes();
  return {
    plan: plan.branches.some(({ kind }) => kind === "index") ? "index" : "exact",
    settings: { ...tenantSettings(tenantId), ...plan.settings },
    toSql: (embedding) => vectorStatement(target.collection, plan, { vectors: encodeVectorArray([embedding], vector) }),
  };
}
