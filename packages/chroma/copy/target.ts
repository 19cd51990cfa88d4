import { type CollectionChanges, changeCollection } from "@cairn/core/collection/change.ts";
import type { Collection } from "@cairn/core/collection/collection.ts";
import { insertCollection } from "@cairn/core/collection/create.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import type { Database } from "@cairn/core/database/database.ts";
import type { JsonObject } from "@cairn/core/database/json.ts";
import { ensureTenant, getTenant, type Tenant } from "@cairn/core/tenant/tenant.ts";
import { parseUuid } from "@cairn/core/tenant/uuid.ts";
import type { PlannedCollection } from "../plan/plan.ts";
import { changedInCairn, equalMetadata } from "./compare-collection.ts";

interface EnsuredTarget {
  readonly tenant: Tenant;
  readonly target: Collection;
  /** The collection's metadata as a migration last wrote it; undefined if none did. */
  readonly metadata: JsonObject | undefined;
}

/**
 * The target of a planned collection. Creates it if it does not exist. An existing target gets the model's name if its
 * model is unknown, and the source's metadata unless the metadata was changed in Cairn.
 */
export async function ensureTarget(
  database: Database,
  planned: PlannedCollection,
  options: { readonly discardChanges: boolean },
): Promise<EnsuredTarget> {
  if (planned.target) {
    const { tenantId, id } = planned.target;
    const tenant = await getTenant(database, tenantId);
    return updateTarget(database, tenant, await getCollection(database, tenantId, id), planned, options);
  }
  const { targetPath, source, model, dimensions } = planned;
  const tenant = await ensureTenant(database, targetPath.tenant);
  const collection = {
    name: targetPath.collection,
    embeddingModel: model,
    dimensions,
    metric: source.metric,
    metadata: source.metadata,
    attributes: source.attributes && { chroma: source.attributes },
  };
  // Clients of Chroma know the collection by its id, so it keeps its id, unless another collection of the tenant has it.
  const id = parseUuid(source.id);
  const created =
    (await insertCollection(database, tenant.id, { ...collection, id })) ??
    (await insertCollection(database, tenant.id, collection));
  if (created) return { tenant, target: created, metadata: source.metadata };
  const existing = await getCollection(database, tenant.id, targetPath.collection);
  return updateTarget(database, tenant, existing, planned, options);
}

async function updateTarget(
  database: Database,
  tenant: Tenant,
  target: Collection,
  planned: PlannedCollection,
  { discardChanges }: { readonly discardChanges: boolean },
): Promise<EnsuredTarget> {
  const { source, model } = planned;
  const isEqual = equalMetadata(source.metadata, target.metadata);
  const takesSourceMetadata = isEqual || discardChanges || !changedInCairn(planned, target);
  const changes: CollectionChanges = {
    ...(takesSourceMetadata && !isEqual ? { metadata: source.metadata } : {}),
    ...(source.attributes && target.attributes.chroma === undefined
      ? { attributes: { ...target.attributes, chroma: source.attributes } }
      : {}),
    ...(target.embeddingModel === null && model !== null ? { embeddingModel: model, confirmModel: true } : {}),
  };
  const metadata = takesSourceMetadata ? source.metadata : planned.writtenMetadata;
  if (Object.keys(changes).length === 0) return { tenant, target, metadata };
  return { tenant, target: await changeCollection(database, tenant.id, target.id, changes), metadata };
}
