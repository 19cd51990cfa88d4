import { canonicalJson } from "@cairn/core/database/canonical-json.ts";
import { decodeJson, type JsonObject, parseExactJson } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import type { ChromaPath } from "../../protocol/path.ts";
import { loadCollections } from "../../server/collection/load.ts";
import { chromaAttributes } from "../../server/collection/stored.ts";
import type { SourceCollection } from "../../source/source.ts";
import { compareConfiguration, newConfiguration } from "../../target/configuration.ts";
import { toHeldMetadata } from "../../target/metadata.ts";
import { refusalOf } from "../../target/refusal.ts";
import type { CollectionChange } from "../../target/target.ts";
import type { CollectionPair, ReplicaFinding, ToChromaContext } from "./context.ts";

export interface EqualizedCollection {
  readonly chroma: SourceCollection;
  /** Whether the collection was created. */
  readonly created: boolean;
  /** What differs and cannot be changed, such as the metric. Without a record id. */
  readonly findings: readonly ReplicaFinding[];
}

export interface EqualizeOptions {
  readonly path: ChromaPath;
  /** The collection as it is in Chroma. Undefined: it is created. */
  readonly existing: SourceCollection | undefined;
}

/**
 * Makes a collection in Chroma equal to one of Cairn, apart from its records: it exists at the path, with the metadata and the
 * configuration. Throws `already_exists` if another collection of Chroma has the name.
 */
export async function equalizeCollection(
  context: Pick<ToChromaContext, "database" | "target">,
  cairn: CollectionPair["cairn"],
  { path, existing }: EqualizeOptions,
): Promise<EqualizedCollection> {
  const { target } = context;
  const metadata = await readMetadata(context, cairn);
  const held = toHeldMetadata(metadata);
  const attributes = chromaAttributes(cairn.attributes);
  const findings = "fault" in held ? [collectionFinding(held.fault)] : [];
  const wanted = "fault" in held ? existing?.metadata : held.metadata;
  const found =
    existing ??
    (await target.createCollection(path, {
      name: path.name,
      metadata: wanted ?? {},
      ...newConfiguration(cairn.metric, attributes),
    }));
  const { change, fixed } = compareConfiguration(cairn.metric, attributes, found);
  const changes: CollectionChange = {
    ...(found.name === path.name ? {} : { name: path.name }),
    ...(wanted && !isEqual(wanted, found.metadata) ? { metadata: wanted } : {}),
    ...(change ? { configuration: change } : {}),
  };
  if (fixed.length > 0) findings.push(collectionFinding(`Chroma cannot change its ${fixed.join(", ")}.`));
  const changed = await changeIfNeeded(context, found, changes);
  return {
    chroma: changed.collection,
    created: existing === undefined,
    findings: changed.refusal ? [...findings, collectionFinding(changed.refusal)] : findings,
  };
}

/** Changes a collection. A configuration that Chroma refuses is left out and returned as the refusal. */
async function changeIfNeeded(
  { target }: Pick<ToChromaContext, "target">,
  collection: SourceCollection,
  { configuration, ...changes }: CollectionChange,
): Promise<{ readonly collection: SourceCollection; readonly refusal?: string }> {
  const changed = Object.keys(changes).length > 0 ? await target.changeCollection(collection, changes) : collection;
  if (configuration === undefined) return { collection: changed };
  try {
    return { collection: await target.changeCollection(changed, { configuration }) };
  } catch (error) {
    const refusal = refusalOf(error);
    if (!refusal) throw error;
    return { collection: changed, refusal: `Chroma refuses its configuration (${refusal.status}).` };
  }
}

/** The collection's metadata with exact numbers. */
async function readMetadata(
  { database }: Pick<ToChromaContext, "database">,
  { tenantId, lineage, name }: CollectionPair["cairn"],
): Promise<JsonObject> {
  const [loaded] = await loadCollections(database, [{ name, tenantId, collectionId: lineage }]);
  if (loaded) return decodeJson(loaded.stored.metadata, parseExactJson);
  throw new AppError("not_found", `Collection ${JSON.stringify(name)} does not exist.`, { remedy: "list_collections" });
}

function isEqual(a: JsonObject, b: JsonObject): boolean {
  return canonicalJson(a) === canonicalJson(b);
}

function collectionFinding(detail: string): ReplicaFinding {
  return { recordId: "", kind: "refused", detail };
}
