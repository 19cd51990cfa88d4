import type { Database } from "@cairn/core/database/database.ts";
import { AppError } from "@cairn/core/error.ts";
import { type CollectionOverview, tenantOverview } from "@cairn/core/maintenance/tenant-overview.ts";
import { getTenant, listTenants, type Tenant } from "@cairn/core/tenant/tenant.ts";
import type { z } from "@hono/zod-openapi";
import type { collectionOverviewSchema, tenantOverviewSchema } from "../schema/overview.ts";
import { fromTenant } from "../schema/service.ts";

export interface OverviewPageOptions {
  /** Maximum number of tenants. */
  readonly limit: number;
  /** Name of the last tenant of the previous page. */
  readonly after: string | undefined;
}

export interface OverviewPage {
  readonly tenants: TenantState[];
  readonly next: string | null;
}

type TenantState = z.infer<typeof tenantOverviewSchema>;

/** Tenants that are read at the same time: they share the connections with requests. */
const CONCURRENCY = 4;

/** The state of one tenant, or of a page of all tenants for the operator (null). */
export async function readOverview(
  database: Database,
  tenantId: string | null,
  { limit, after }: OverviewPageOptions,
): Promise<OverviewPage> {
  if (tenantId !== null) {
    return { tenants: [await readTenant(database, await getTenant(database, tenantId))], next: null };
  }
  const all = await listTenants(database);
  const start = after === undefined ? 0 : all.findIndex(({ name }) => name === after) + 1;
  if (after !== undefined && start === 0)
    throw new AppError("not_found", `There is no tenant ${JSON.stringify(after)}. Omit after to start again.`);
  const page = all.slice(start, start + limit);
  const waiting = [...page.entries()];
  const states: TenantState[] = [];
  const work = async () => {
    for (let entry = waiting.shift(); entry; entry = waiting.shift())
      states[entry[0]] = await readTenant(database, entry[1]);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  const isLast = start + limit >= all.length;
  return { tenants: states, next: isLast ? null : (page.at(-1)?.name ?? null) };
}

async function readTenant(database: Database, tenant: Tenant): Promise<TenantState> {
  const { collections, tokensToday, jobs } = await tenantOverview(database, tenant.id);
  return {
    ...fromTenant(tenant),
    tokens_today: tokensToday,
    jobs: { in_progress: jobs.inProgress, failed: jobs.failed },
    collections: collections.map(fromCollection),
  };
}

function fromCollection(state: CollectionOverview): z.infer<typeof collectionOverviewSchema> {
  const { collection, documents, passages, vectors, tail, indexes, due, latency } = state;
  const { id, name, embeddingModel: model, dimensions, metric, replacedBy } = collection;
  return {
    id,
    name,
    model,
    dimensions,
    metric,
    documents,
    passages,
    vectors,
    tail,
    is_replaced: replacedBy !== null,
    indexes: indexes.map(({ name, kind, state, usable, rows, size: bytes, settings }) => ({
      name,
      kind,
      state: state === "valid" && !usable ? "invalid" : state,
      rows,
      bytes,
      precision: kind === "vector" ? (settings.precision ?? null) : null,
    })),
    due: { action: due.action, ...("reason" in due ? { reason: due.reason } : {}) },
    latency: latency && { searches: latency.searches, p50_ms: latency.p50, p95_ms: latency.p95 },
  };
}
