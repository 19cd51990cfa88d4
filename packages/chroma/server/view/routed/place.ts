import { asAdmin } from "@cairn/core/database/transaction.ts";
import { AppError } from "@cairn/core/error.ts";
import { ensureTenant } from "@cairn/core/tenant/tenant.ts";
import { readRouteById } from "../../../namespace/collections.ts";
import { findTenant } from "../../../namespace/find-tenant.ts";
import { findByName } from "../../../namespace/serving.ts";
import { type ChromaPath, pathOf } from "../../../protocol/path.ts";
import type { CollectionRoute, CollectionTarget } from "../view.ts";
import { type RoutedContext, requireEnabled, requireWrite } from "./context.ts";
import { findChromaDatabase, findRegistered } from "./lookup.ts";

/** Where a new collection belongs. Throws `invalid_input`, and `already_exists` if another name stands for the same collection. */
export async function placeCollection(context: RoutedContext, path: ChromaPath): Promise<CollectionTarget | undefined> {
  requireWrite(context);
  const { database, namespaceId, rules } = context;
  if (!(await findChromaDatabase(context, path))) return undefined;
  const target = rules.resolve(path);
  const tenant = await ensureTenant(database, target.tenant);
  requireEnabled(tenant.disabledAt !== null);
  const taken = await findByName(database, tenant.id, target.collection);
  const owner = taken && (await asAdmin(database, ({ orm }) => readRouteById(orm, namespaceId, taken.lineage)));
  if (owner && pathOf(owner.path) !== pathOf(path))
    throw new AppError(
      "already_exists",
      `The collection ${JSON.stringify(path.name)} cannot be created: its name stands for the same collection as ${JSON.stringify(pathOf(owner.path))}, which already exists. Choose another name.`,
      { path: "name" },
    );
  return { tenantId: tenant.id, name: target.collection };
}

/** The name in its tenant for a new name of a collection. Throws `invalid_input` if that is a name of another tenant. */
export async function renamedTo(
  context: RoutedContext,
  { name, tenantId, collectionId }: CollectionRoute,
  path: ChromaPath,
): Promise<string> {
  requireWrite(context);
  const { database, rules } = context;
  const target = rules.resolve(path);
  const tenant = await findTenant(database, target.tenant);
  if (tenant?.id === tenantId) {
    await assertFree(context, path, collectionId);
    return target.collection;
  }
  throw new AppError(
    "invalid_input",
    `The collection ${JSON.stringify(name)} cannot be renamed to ${JSON.stringify(path.name)}: that is a name of another tenant, and a collection stays with its tenant.`,
    { path: "new_name" },
  );
}

/** Throws `already_exists` if another collection has the name. It may have another name in its tenant by now. */
export async function assertFree(context: RoutedContext, path: ChromaPath, collectionId: string): Promise<void> {
  const registered = await findRegistered(context, path);
  if (!registered || registered.route.collectionId === collectionId) return;
  throw new AppError(
    "already_exists",
    `The name ${JSON.stringify(path.name)} is already taken by another collection. Choose another name.`,
    { path: "name" },
  );
}
