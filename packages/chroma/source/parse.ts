import type { JsonObject } from "@cairn/core/database/json.ts";
import { parseExactJson } from "@cairn/core/database/json.ts";
import { findSpans, type Spans } from "./json-spans.ts";
import type { SourceRecord } from "./source.ts";

/**
 * Chroma's answer to `get`, by id. Vectors, nearly all of the text, go through the fastest parser there is; metadata
 * through one that keeps integers over 2^53 and tells 1.0 from 1.
 * Throws SyntaxError where the text is not the JSON that Chroma sends.
 */
export function parseRecords(text: string): ReadonlyMap<string, SourceRecord> {
  const spans = findSpans(text);
  const ids = parse<readonly string[]>(text, spans, "ids");
  // Whatever answers without ids says nothing about them: taken for an empty page it would empty the target.
  if (!Array.isArray(ids)) throw new SyntaxError("A list of ids was expected.");
  const embeddings = parse<readonly (readonly (number | null)[] | null)[]>(text, spans, "embeddings");
  const documents = parse<readonly (string | null)[]>(text, spans, "documents");
  const uris = parse<readonly (string | null)[]>(text, spans, "uris");
  const metadatas = parseMetadatas(text, spans);
  for (const list of [embeddings, documents, uris, metadatas])
    if (list && list.length !== ids.length) throw new SyntaxError("The lists differ in length.");
  return new Map(
    ids.map((id: string, index) => [
      id,
      {
        id,
        embedding: toVector(embeddings?.[index] ?? null),
        document: documents?.[index] ?? null,
        uri: uris?.[index] ?? null,
        metadata: metadatas?.[index] ?? null,
      },
    ]),
  );
}

function parse<T>(text: string, spans: Spans, key: string): T | null {
  const span = spans.get(key);
  return span ? (JSON.parse(text.slice(...span)) as T) : null;
}

function parseMetadatas(text: string, spans: Spans): readonly (JsonObject | null)[] | null {
  const span = spans.get("metadatas");
  return span ? (parseExactJson(text.slice(...span)) as readonly (JsonObject | null)[] | null) : null;
}

/** An element that is null was NaN or infinite in the server: JSON cannot say so. */
function toVector(elements: readonly (number | null)[] | null): Float32Array | null {
  if (!elements) return null;
  const vector = new Float32Array(elements.length);
  for (let i = 0; i < vector.length; i++) vector[i] = elements[i] ?? Number.NaN;
  return vector;
}
