import { type CollectionChanges, changeCollection } from "@cairn/core/collection/change.ts";
import type { Collection } from "@cairn/core/collection/collection.ts";
import { insertCollection } from "@cairn/core/collection/create.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { ensureTenant, type Tenant } from "@cairn/core/tenant/tenant.ts";
import type { PlannedCollection } from "../plan/plan.ts";
import { equalMetadata } from "./compare-collection.ts";

/**
 * The target of a planned collection, made where it is missing. One that is there takes the source's metadata, also
 * over what was changed in Cairn since, and the model's name where that was not known.
 */
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
  const changes: CollectionChanges = {
    ...(equalMetadata(source.metadata, target.metadata) ? {} : { metadata: source.metadata }),
    ...(target.embeddingModel === null && model !== null ? { embeddingModel: model } : {}),
  };
  if (Object.keys(changes).length === 0) return { tenant, target };
  return { tenant, target: await changeCollection(database, tenant.id, target.id, changes) };
}
