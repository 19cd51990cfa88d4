import { withBackPressure } from "../collection/back-pressure.ts";
import type { Collection } from "../collection/collection.ts";
import { insertCollection } from "../collection/create.ts";
import { getCollection } from "../collection/get.ts";
import type { Database } from "../database/database.ts";
import type { JsonObject } from "../database/json.ts";
import { parseExactJson } from "../database/json.ts";
import { UNLIMITED } from "../database/settings.ts";
import { asTenant } from "../database/transaction.ts";
import { countDocuments } from "../document/count.ts";
import type { Row } from "../document/document.ts";
import { writeRows } from "../document/write.ts";
import { AppError } from "../error.ts";
import { ensureTenant, type Tenant } from "../tenant/tenant.ts";
import {
  type ArchivedCollection,
  type ArchivedPassage,
  type CollectionSummary,
  collectionSchema,
  endSchema,
  headerSchema,
  passageSchema,
  summarySchema,
} from "./format.ts";
import { readPassages } from "./read-passages.ts";

export interface ImportOptions {
  /** Name or id of the tenant, created if it does not exist. Default: the archive's name of the tenant. */
  readonly tenant?: string;
  /** Whether collections with documents are written to: an interrupted import continues. Default false: they are refused. */
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
 * that holds documents, and the errors of the writes. Documents that were written before an error stay.
 */
export async function importTenant(
  database: Database,
  lines: AsyncIterable<string>,
  { tenant: tenantName, resume = false, onProgress, signal }: ImportOptions,
): Promise<ImportedTenant> {
  const reader = createReader(lines);
  const header = await reader.next();
  const { tenant: archived } = parse(headerSchema, header?.value, "not an archive of a tenant", 1);
  const tenant = await ensureTenant(database, tenantName ?? archived.name);
  const imported: ImportedCollection[] = [];
  let documents = 0;
  for (let entry = await reader.next(); ; entry = await reader.next()) {
    if (entry?.value.end) {
      const { collections } = parse(endSchema, entry.value.end, "invalid", entry.line);
      if (collections !== imported.length) throw truncated(entry.line);
      return { tenant, collections: imported };
    }
    if (!entry?.value.collection) throw truncated(entry?.line ?? reader.line());
    const settings = parse(collectionSchema, entry.value.collection, "not a collection", entry.line);
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

interface Entry {
  readonly value: JsonObject;
  readonly line: number;
}

interface Reader {
  next(): Promise<Entry | undefined>;
  /** The last line that was read. */
  line(): number;
}

function createReader(lines: AsyncIterable<string>): Reader {
  const iterator = lines[Symbol.asyncIterator]();
  let line = 0;
  return {
    line: () => line,
    async next() {
      const { done, value } = await iterator.next();
      if (done) return undefined;
      line++;
      try {
        return { value: parseExactJson(value) as JsonObject, line };
      } catch (error) {
        throw invalid(line, "is not JSON", error);
      }
    },
  };
}

/** The collection to write to: a new one with the archive's id and settings, or the existing one if the import continues. */
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
  const existing = await getCollection(database, tenantId, name);
  const { documents } = await countDocuments(database, tenantId, { collection: existing.id });
  const isSame = existing.metric === metric && (existing.dimensions === null || existing.dimensions === dimensions);
  if (isSame && (resume || documents === 0)) return existing;
  const why = isSame
    ? `holds ${documents} documents`
    : `has ${existing.dimensions} dimensions and the metric ${existing.metric}`;
  throw new AppError(
    "already_exists",
    `The collection ${JSON.stringify(name)} cannot be imported: the tenant has one of that name, which ${why}. Import into another tenant, or delete the collection.`,
    isSame ? { remedy: "continue_import" } : {},
  );
}

/** Writes the passages up to the collection's summary, and returns the summary. */
async function writeCollection(
  database: Database,
  collection: Collection,
  reader: Reader,
  { onWritten, signal }: { readonly onWritten: (documents: number) => void; readonly signal?: AbortSignal },
): Promise<CollectionSummary> {
  const types = await database.vectorTypes();
  let batch: Row[] = [];
  let ids = new Set<string>();
  let bytes = 0;
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
    const isFull = ids.size >= BATCH.documents || bytes >= BATCH.bytes;
    if (isFull && !ids.has(passage.id)) await flush(); // the passages of a document are written together
    batch.push(toRow(passage, entry.line));
    ids.add(passage.id);
    bytes += (passage.content?.length ?? 0) + (passage.embedding?.length ?? 0);
  }
}

function toRow({ id, chunk, content, offset, embedding, uri, metadata }: ArchivedPassage, line: number): Row {
  const bytes = embedding === null ? undefined : Buffer.from(embedding, "base64");
  if (bytes && (bytes.length === 0 || bytes.length % 4 > 0)) throw invalid(line, "has a vector of a wrong length");
  return {
    id,
    chunk,
    content,
    offset,
    embedding: bytes ? new Float32Array(new Uint8Array(bytes).buffer) : null,
    uri,
    metadata,
  };
}

function parse<T>(
  schema: { safeParse(value: unknown): { success: boolean; data?: T } },
  value: unknown,
  what: string,
  line: number,
): T {
  const { success, data } = schema.safeParse(value);
  if (!success) throw invalid(line, `is ${what}`);
  return data as T;
}

function invalid(line: number, why: string, cause?: unknown): AppError {
  return new AppError("invalid_input", `The archive cannot be imported: line ${line} ${why}.`, { cause });
}

function truncated(line: number): AppError {
  return new AppError(
    "invalid_input",
    `The archive cannot be imported: it ends early, after line ${line}. Export the tenant again.`,
  );
}
