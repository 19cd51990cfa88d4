import { deleteCollection } from "@cairn/core/collection/change.ts";
import { insertCollection } from "@cairn/core/collection/create.ts";
import type { Database } from "@cairn/core/database/database.ts";
import type { JsonObject } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import { alreadyExists, invalidArgument } from "../error.ts";
import { toCollectionMetadata } from "../record/metadata.ts";
import type { Body } from "../request/body.ts";
import { optionalBoolean, optionalObject, requiredString } from "../request/fields.ts";
import type { ChromaView, CollectionRoute, DatabasePath } from "../view/view.ts";
import { isDefault, parseConfiguration } from "./configuration.ts";
import { assertName } from "./name.ts";
import { configurationInSchema, reconcileSchema } from "./schema.ts";

export interface CreateContext {
  readonly database: Database;
  readonly view: ChromaView;
  readonly path: DatabasePath;
}

/** Creates a collection, or returns the existing one with `get_or_create`, which then ignores all other fields. */
export async function createChromaCollection(context: CreateContext, body: Body): Promise<CollectionRoute> {
  const { view, path } = context;
  const name = requiredString(body, "name");
  const metadata = optionalObject(body, "metadata");
  const getOrCreate = optionalBoolean(body, "get_or_create") ?? false;
  const schema = optionalObject(body, "schema");
  const requested = parseConfiguration(body);
  if (schema && !isDefault(requested))
    throw invalidArgument("Failed to reconcile schema: Cannot set both collection config and schema simultaneously");
  const configuration = schema ? parseConfiguration({ configuration: configurationInSchema(schema) }) : requested;
  assertName(name);
  const stored = metadata && toCollectionMetadata(metadata, "metadata");
  if (!(await view.getDatabase(path))) throw invalidArgument(`Database [${path.database}] does not exist`);
  const existing = await view.findCollection({ ...path, name });
  if (existing && getOrCreate) return existing;
  if (existing) throw alreadyExists(`Collection [${name}] already exists`);
  const metric = configuration.hnsw.space;
  const own = schema ? { schema: reconcileSchema(schema, configuration, metric) } : {};
  const attributes = { chroma: { configuration, ...own } } as unknown as JsonObject;
  return insert(context, name, { metadata: stored, attributes, metric, getOrCreate });
}

interface NewChromaCollection {
  readonly metadata: JsonObject | undefined;
  readonly attributes: JsonObject;
  readonly metric: ReturnType<typeof parseConfiguration>["hnsw"]["space"];
  readonly getOrCreate: boolean;
}

async function insert(
  { database, view, path }: CreateContext,
  name: string,
  { getOrCreate, ...collection }: NewChromaCollection,
): Promise<CollectionRoute> {
  const target = await view.placeCollection({ ...path, name });
  if (!target) throw invalidArgument(`Database [${path.database}] does not exist`);
  const { tenantId } = target;
  const options = { ...collection, name: target.name, embeddingModel: null, dimensions: null };
  const created = await insertCollection(database, tenantId, options);
  if (!created) {
    // Another request has created it, or another name leads to the same target.
    const existing = await view.findCollection({ ...path, name });
    if (existing && getOrCreate) return existing;
    throw alreadyExists(`Collection [${name}] already exists`);
  }
  const route = { name, tenantId, collectionId: created.lineage };
  try {
    await view.register(path, route);
  } catch (error) {
    await deleteCollection(database, tenantId, created.id).catch(() => {});
    if (!(error instanceof AppError && error.code === "already_exists")) throw error;
    throw alreadyExists(`Collection [${name}] already exists`);
  }
  return route;
}
