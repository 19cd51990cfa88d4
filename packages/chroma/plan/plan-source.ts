import type { Database } from "@cairn/core/database/database.ts";
import type { Embedders } from "@cairn/core/embedding/embedder.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Source, SourceCollection } from "../source/source.ts";
import { assertNamesExist, findUnknownKeys } from "./names.ts";
import type { PlanOptions } from "./options.ts";
import { type Plan, planMigration } from "./plan.ts";

/** What planning needs. Without a database, no target exists yet. */
export interface PlanContext {
  readonly database: Database | undefined;
  readonly embedders: Embedders;
}

/** A plan, and all collections that the source listed for it. */
export type SourcePlan = Plan & { readonly listed: readonly SourceCollection[] };

/**
 * Plans all collections that the source has now. A migration, its dry run and a verification share this plan.
 * Throws `invalid_input` if the options name a collection that Chroma does not have.
 */
export async function planSource(
  source: Source,
  { database, embedders }: PlanContext,
  options: PlanOptions,
): Promise<SourcePlan> {
  const listed = await source.listCollections(options.scope ?? {});
  assertNamesExist(listed, await listElsewhere(source, listed, options), options);
  return {
    ...(await planMigration(listed, database, embedders, { ...options, sourceUrl: source.url })),
    listed,
  };
}

/**
 * Collections outside the scope, if the mapping names collections that the scope does not have. One mapping file can serve
 * a complete server, whichever part of it a run migrates. A tenant that cannot be read counts as empty.
 */
async function listElsewhere(
  source: Source,
  listed: readonly SourceCollection[],
  options: PlanOptions,
): Promise<readonly SourceCollection[]> {
  const unknown = findUnknownKeys(listed, options);
  if (unknown.length === 0) return [];
  const tenants = options.scope?.tenants ?? [];
  const named = unknown.flatMap((key) => (key.includes("/") ? [key.slice(0, key.indexOf("/"))] : []));
  const found: SourceCollection[] = [];
  const scopes = tenants.length > 0 ? tenants : [undefined];
  for (const tenant of new Set([...scopes, ...named])) found.push(...(await listTenant(source, tenant)));
  return found;
}

async function listTenant(source: Source, tenant: string | undefined): Promise<readonly SourceCollection[]> {
  try {
    return await source.listCollections(tenant === undefined ? {} : { tenants: [tenant] });
  } catch (error) {
    if (error instanceof AppError && (error.code === "not_found" || error.code === "source_invalid")) return [];
    throw error;
  }
}
