import { withBackPressure } from "../collection/back-pressure.ts";
import type { Collection } from "../collection/collection.ts";
import { insertCollection } from "../collection/create.ts";
import { listCollections } from "../collection/get.ts";
import type { Database } from "../database/database.ts";
import { UNLIMITED } from "../database/settings.ts";
import { asTenant } from "../database/transaction.ts";
import { isFiniteVector } from "../database/vector.ts";
import type { Row } from "../document/document.ts";
import { findMetadataFault } from "../document/metadata.ts";
import { writeRows } from "../document/write.ts";
import { AppError } from "../error.ts";
import { ensureTenant, type Tenant } from "../tenant/tenant.ts";
import {
  type ArchivedCollection,
  type ArchivedPassage,
  type CollectionSummary,
  collectionSchema,
  endSchema,
  FORMAT,
  FORMAT_VERSION,
  headerSchema,
  passageSchema,
  summarySchema,
} from "./format.ts";
import { readPassages } from "./read-passages.ts";
import { type ArchiveReader, invalid, parse, readArchive, truncated } from "./reader.ts";

export interface ImportOptions {
  /** Name or id of the tenant, created if it does not exist. Default: the archive's name of the tenant. */
  readonly tenant?: string;
  /** Whether the collections of an interrupted import are written to. Default false: existing collections are refused. */
  readonly resume?: boolean;
  readonly onProgress?: (documents: number) => void;
  readonly signal?: AbortSignal;
}

export interface ImportedCollection {
  /** What the archive says. */
  readonly expected: CollectionSummary;
  /** What the database holds after the import. It equals `expected` if every passage is the same, bit for bit. */
  readonly actual: CollectionSummary;
}

export interface ImportedTenant {
  readonly tenant: Tenant;
  readonly collections: readonly ImportedCollection[];
}

/** Documents that are written in one transaction, and bytes of their texts and vectors. */
const BATCH = { documents: 500, bytes: 8_000_000 };

/**
 * Creates a tenant from the lines of an archive, and reads every collection again to compare it with the archive. Collections
 * keep their ids, documents their order. Throws `invalid_input` with the line of a fault, `already_exists` for a collection
 * that exists, and the errors of the writes. Documents that were written before an error stay.
 */
export async function importTenant(
  database: Database,
  lines: AsyncIterable<string>,
  { tenant: tenantName, resume = false, onProgress, signal }: ImportOptions,
): Promise<ImportedTenant> {
  const reader = readArchive(lines);
  const header = await reader.next();
  const { version } = header?.value ?? {};
  if (header?.value.format === FORMAT && version !== FORMAT_VERSION)
    throw invalid(1, `has version ${version} of the format, and this Cairn reads version ${FORMAT_VERSION}`);
  const { tenant: archived } = parse(headerSchema, header?.value, "not an archive of a tenant", 1);
  const tenant = await ensureTenant(database, tenantName ?? archived.name);
  const imported: ImportedCollection[] = [];
  let documents = 0;
  for (let entry = await reader.next(); ; entry = await reader.next()) {
    if (entry?.value.end) {
      const { collections } = parse(endSchema, entry.value.end, "invalid", entry.line);
      if (collections !== imported.length) throw truncated(entry.line);
      const more = await reader.next();
      if (more) throw invalid(more.line, "follows the end");
      return { tenant, collections: imported };
    }
    if (!entry?.value.collection) throw truncated(entry?.line ?? reader.line());
    const settings = parse(collectionSchema, entry.value.collection, "not a collection", entry.line);
    if (imported.some(({ expected }) => expected.name === settings.name))
      throw invalid(entry.line, `has the collection ${JSON.stringify(settings.name)} a second time`);
    const collection = await openCollection(database, tenant.id, settings, resume);
    const expected = await writeCollection(database, collection, reader, {
      signal,
      onWritten: (count) => {
        documents += count;
        onProgress?.(documents);
      },
    });
    const actual = await asTenant(
      database,
      tenant.id,
      ({ orm }) => readPassages(orm, collection, { onLines: async () => signal?.throwIfAborted() }),
      UNLIMITED,
    );
    imported.push({ expected, actual });
  }
}

/** A new collection with the archive's id and settings, or the one that an interrupted import has created. */
async function openCollection(
  database: Database,
  tenantId: string,
  settings: ArchivedCollection,
  resume: boolean,
): Promise<Collection> {
  const { id, name, dimensions, metric, language } = settings;
  const created = await insertCollection(database, tenantId, {
    id,
    name,
    embeddingModel: settings.embedding_model,
    dimensions,
    metric,
    language,
    metadata: settings.metadata,
    attributes: settings.attributes,
    indexSettings: settings.index_settings,
    chunking: settings.chunking,
  });
  if (created) return created;
  const all = await listCollections(database, tenantId);
  const existing = all.find((collection) => collection.name === name) ?? all.find(({ lineage }) => lineage === id);
  if (!existing)
    throw new AppError("collection_changed", `The collection ${JSON.stringify(name)} was deleted meanwhile.`);
  const isSame =
    existing.name === name &&
    existing.lineage === id &&
    existing.metric === metric &&
    existing.embeddingModel === settings.embedding_model &&
    (existing.dimensions === null || existing.dimensions === dimensions);
  if (isSame && resume) return existing;
  throw new AppError(
    "already_exists",
    `The collection ${JSON.stringify(name)} cannot be imported: the tenant has ${existing.name === name ? "one of that name" : `the same collection under the name ${JSON.stringify(existing.name)}`}. Import into another tenant, or delete that collection.`,
    isSame ? { remedy: "continue_import" } : {},
  );
}

/** Writes the passages up to the collection's summary, and returns the summary. */
async function writeCollection(
  database: Database,
  collection: Collection,
  reader: ArchiveReader,
  { onWritten, signal }: { readonly onWritten: (documents: number) => void; readonly signal?: AbortSignal },
): Promise<CollectionSummary> {
  const types = await database.vectorTypes();
  let batch: Row[] = [];
  let ids = new Set<string>();
  let bytes = 0;
  let last: ArchivedPassage | undefined;
  const flush = async () => {
    signal?.throwIfAborted();
    const rows = batch;
    await withBackPressure(database, collection.id, () =>
      asTenant(database, collection.tenantId, (transaction) => writeRows(transaction, collection, rows, { types })),
    );
    onWritten(ids.size);
    [batch, ids, bytes] = [[], new Set(), 0];
  };
  for (;;) {
    const entry = await reader.next();
    if (!entry) throw truncated(reader.line());
    if (entry.value.summary) {
      if (batch.length > 0) await flush();
      return parse(summarySchema, entry.value.summary, "not the end of a collection", entry.line);
    }
    const passage = parse(passageSchema, entry.value.passage, "not a passage", entry.line);
    const isNext = last?.id === passage.id ? passage.chunk > last.chunk : passage.chunk === 0 && !ids.has(passage.id);
    if (!isNext) throw invalid(entry.line, "is not the next passage of its document");
    last = passage;
    const isFull = ids.size >= BATCH.documents || bytes >= BATCH.bytes;
    if (isFull && !ids.has(passage.id)) await flush(); // the passages of a document are written together
    batch.push(toRow(passage, collection.dimensions, entry.line));
    ids.add(passage.id);
    bytes += (passage.content?.length ?? 0) + (passage.embedding?.length ?? 0);
  }
}

function toRow(
  { id, chunk, content, offset, headings, embedding, uri, metadata }: ArchivedPassage,
  dimensions: number | null,
  line: number,
): Row {
  const bytes = embedding === null ? undefined : Buffer.from(embedding, "base64");
  const vector = bytes && bytes.length % 4 === 0 ? new Float32Array(new Uint8Array(bytes).buffer) : undefined;
  if (bytes && (!vector || vector.length !== (dimensions ?? vector.length) || vector.length === 0))
    throw invalid(line, "has a vector of a wrong length");
  if (vector && !isFiniteVector(vector)) throw invalid(line, "has a vector that is not finite");
  const fault = findMetadataFault(metadata);
  if (fault) throw invalid(line, `has metadata that cannot be stored: ${fault.message}`);
  return { id, chunk, content, offset, headings, embedding: vector ?? null, uri, metadata };
}
