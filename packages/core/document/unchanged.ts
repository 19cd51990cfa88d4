import { getCollection } from "../collection/get.ts";
import { canonicalJson } from "../database/canonical-json.ts";
import type { Services } from "../services.ts";
import type { Document } from "./document.ts";
import type { IngestOptions } from "./ingest.ts";
import { getDocuments } from "./list.ts";
import { type SplitDocument, splitDocuments } from "./split.ts";

/** Maximum bytes of the stored documents that are compared at once. */
const MAX_BYTES = 100_000_000;

/** Whether `ingest` would write a stored document again as it is. */
export type StoredState = "unchanged" | "changed";

/**
 * The state of each document that is stored, by its id. It is unchanged if it has the same passages, headings, metadata and
 * URI, and every passage has a vector. If an id occurs twice, its last document counts. A document with a vector of its own
 * counts as changed. Throws `not_found` and `response_too_large`.
 */
export async function compareStored(
  services: Services,
  tenantId: string,
  { collection: name, documents, ...options }: IngestOptions,
): Promise<ReadonlyMap<string, StoredState>> {
  const { database } = services;
  const byId = new Map<string, SplitDocument["document"]>();
  for (const document of documents)
    if (document.id !== undefined) byId.set(document.id, { ...document, id: document.id });
  const ids = [...byId.keys()];
  const stored = await getDocuments(database, tenantId, { collection: name, ids, maxBytes: MAX_BYTES });
  const storedById = new Map(stored.map((document) => [document.id, document]));
  const states = new Map<string, StoredState>(stored.map(({ id }) => [id, "changed"]));
  const compared = [...byId.values()].filter(({ id, embedding }) => states.has(id) && !embedding);
  const collection = await getCollection(database, tenantId, name);
  for await (const split of splitDocuments(services, collection, compared, { ...options, onFailure() {} }))
    if (isSame(split, storedById.get(split.document.id) as Document)) states.set(split.document.id, "unchanged");
  return states;
}

function isSame({ document, texts, offsets, headings }: SplitDocument, stored: Document): boolean {
  return (
    stored.uri === (document.uri ?? null) &&
    stored.passages.length === texts.length &&
    stored.passages.every(
      (passage, index) =>
        passage.embedded &&
        passage.content === texts[index] &&
        passage.offset === offsets[index] &&
        (passage.headings ?? []).join("\n") === (headings[index] ?? []).join("\n"),
    ) &&
    canonicalJson(stored.metadata) === canonicalJson(document.metadata ?? {})
  );
}
