import type { RecordInput } from "@cairn/core/record/record.ts";
import { invalidArgument } from "../error.ts";
import type { Body } from "../request/body.ts";
import { optionalTexts, requiredStrings } from "../request/fields.ts";
import { optionalEmbeddings, requiredEmbeddings } from "./embeddings.ts";
import { optionalMetadatas } from "./metadata.ts";

/** The records of an add (`nulls` in metadata are errors) or an upsert (nulls delete keys). */
export async function parseRecords(
  body: Body,
  { nulls }: { readonly nulls: boolean },
): Promise<readonly RecordInput[]> {
  const ids = requiredStrings(body, "ids");
  const embeddings = await requiredEmbeddings(body);
  return combine(ids, {
    embeddings,
    documents: optionalTexts(body, "documents"),
    uris: optionalTexts(body, "uris"),
    metadatas: optionalMetadatas(body, { type: nulls ? "UpdateMetadataValue" : "MetadataValue", nulls }),
  });
}

/** The changes of an update. */
export async function parseUpdate(body: Body): Promise<readonly RecordInput[]> {
  return combine(requiredStrings(body, "ids"), {
    embeddings: await optionalEmbeddings(body),
    documents: optionalTexts(body, "documents"),
    uris: optionalTexts(body, "uris"),
    metadatas: optionalMetadatas(body, { type: "UpdateMetadataValue", nulls: true }),
  });
}

interface Columns {
  readonly embeddings: readonly (Float32Array | undefined)[] | undefined;
  readonly documents: readonly (string | null)[] | undefined;
  readonly uris: readonly (string | null)[] | undefined;
  readonly metadatas: ReturnType<typeof optionalMetadatas>;
}

function combine(ids: readonly string[], columns: Columns): readonly RecordInput[] {
  const { embeddings, documents, uris, metadatas } = columns;
  if (Object.values(columns).some((column) => column !== undefined && column.length !== ids.length))
    throw invalidArgument("Inconsistent number of IDs, embeddings, documents, URIs and metadatas");
  if (ids.includes("")) throw invalidArgument("Empty ID, ID must have at least one character");
  return ids.map((id, index) => ({
    id,
    embedding: embeddings?.[index],
    content: documents?.[index] ?? null,
    uri: uris?.[index] ?? null,
    metadata: metadatas?.[index]?.metadata ?? {},
    removedKeys: metadatas?.[index]?.removedKeys ?? [],
  }));
}
