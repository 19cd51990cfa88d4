import { changeCollection } from "@cairn/core/collection/change.ts";
import type { Collection } from "@cairn/core/collection/collection.ts";
import { insertCollection } from "@cairn/core/collection/create.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { ensureTenant, type Tenant } from "@cairn/core/tenant/tenant.ts";
import type { PlannedCollection } from "../plan/plan.ts";
import { canonicalJson } from "./compare.ts";

/** The target of a planned collection, made where it is missing, with the source's metadata. */
export async function ensureTarget(
  database: Database,
  planned: PlannedCollection,
): Promise<{ readonly tenant: Tenant; readonly target: Collection }> {
  const { place, source, model, dimensions } = planned;
  const tenant = await ensureTenant(database, place.tenant);
  const made = await insertCollection(database, tenant.id, {
    name: place.collection,
    embeddingModel: model,
    dimensions,
    metric: source.metric,
    metadata: source.metadata,
  });
  if (made) return { tenant, target: made };
  const target = await getCollection(database, tenant.id, place.collection);
  if (canonicalJson(target.metadata) === canonicalJson(source.metadata)) return { tenant, target };
  return {
    tenant,
    target: await changeCollection(database, tenant.id, target.id, { metadata: source.metadata }),
  };
}
