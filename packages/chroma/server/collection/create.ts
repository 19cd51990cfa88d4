import { deleteCollection } from "@cairn/core/collection/change.ts";
import { insertCollection } from "@cairn/core/collection/create.ts";
import type { Database } from "@cairn/core/database/database.ts";
import type { JsonObject } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Metric } from "@cairn/core/index/metric.ts";
import { alreadyExists, ChromaError, invalidArgument } from "../error.ts";
import { toCollectionMetadata } from "../record/metadata.ts";
import type { Body } from "../request/body.ts";
import { optionalBoolean, optionalObject, requiredString } from "../request/fields.ts";
import type { ChromaView, CollectionRoute, DatabasePath } from "../view/view.ts";
import { isDefault, parseConfiguration } from "./configuration.ts";
import { isDefaultSchema } from "./default-schema.ts";
import { type LoadedCollection, loadCollections } from "./load.ts";
import { assertName } from "./name.ts";
import { configurationInSchema, reconcileSchema } from "./schema.ts";
import { validateSchema } from "./validate-schema.ts";

export interface CreateContext {
  readonly database: Database;
  readonly view: ChromaView;
  readonly path: DatabasePath;
}

/** How often a collection that concurrent requests delete is looked up or created again. */
const MAX_ATTEMPTS = 20;

/** Creates a collection, or returns the existing one with `get_or_create`, which then ignores all other fields. */
export async function createChromaCollection(context: CreateContext, body: Body): Promise<LoadedCollection> {
  const { database, view, path } = context;
  const name = requiredString(body, "name");
  const metadata = optionalObject(body, "metadata");
  const getOrCreate = optionalBoolean(body, "get_or_create") ?? false;
  const sent = optionalObject(body, "schema");
  if (sent) validateSchema(sent);
  const schema = sent && !isDefaultSchema(sent) ? sent : undefined;
  const requested = parseConfiguration(body);
  if (schema && !isDefault(requested))
    throw invalidArgument("Failed to reconcile schema: Cannot set both collection config and schema simultaneously");
  const configuration = schema ? parseConfiguration({ configuration: configurationInSchema(schema) }) : requested;
  assertName(name);
  const stored = metadata && toCollectionMetadata(metadata, "metadata");
  if (!(await view.getDatabase(path))) throw invalidArgument(`Database [${path.database}] does not exist`);
  const metric = configuration.hnsw.space;
  const own = schema ? { schema: reconcileSchema(schema, configuration, metric) } : {};
  const attributes = { chroma: { configuration, ...own } } as unknown as JsonObject;
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const route = await findOrInsert(context, { name, metadata: stored, attributes, metric, getOrCreate });
    const [loaded] = route ? await loadCollections(database, [route]) : [];
    if (loaded) return loaded;
  }
  throw new ChromaError(
    409,
    "ChromaError",
    `Collection [${name}] already exists, or concurrent requests are creating and deleting it. Send the request again.`,
  );
}

interface NewChromaCollection {
  readonly name: string;
  readonly metadata: JsonObject | undefined;
  readonly attributes: JsonObject;
  readonly metric: Metric;
  readonly getOrCreate: boolean;
}

/** The existing collection with `getOrCreate`, or a new one; undefined: a concurrent request has changed what exists. */
async function findOrInsert(
  { database, view, path }: CreateContext,
  { name, getOrCreate, ...collection }: NewChromaCollection,
): Promise<CollectionRoute | undefined> {
  const taken = (): undefined => {
    if (!getOrCreate) throw alreadyExists(`Collection [${name}] already exists`);
  };
  const existing = await view.findCollection({ ...path, name });
  if (existing) {
    taken();
    return existing;
  }
  const target = await view.placeCollection({ ...path, name });
  if (!target) throw invalidArgument(`Database [${path.database}] does not exist`);
  const { tenantId } = target;
  const options = { ...collection, name: target.name, embeddingModel: null, dimensions: null };
  const created = await insertCollection(database, tenantId, options);
  // Otherwise another request has created it, or another name leads to the same target.
  if (!created) return taken();
  const route = { name, tenantId, collectionId: created.lineage };
  try {
    await view.register(path, route);
  } catch (error) {
    await deleteCollection(database, tenantId, created.id).catch(() => {});
    if (error instanceof AppError && error.code === "already_exists") return taken();
    throw error;
  }
  return route;
}
