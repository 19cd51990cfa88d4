import { type JsonObject, parseExactJson } from "@cairn/core/database/json.ts";
import { findSpans, type Spans } from "./json-spans.ts";
import { parseVectors } from "./parse-vectors.ts";
import type { SourceRecord } from "./source.ts";

type Vectors = readonly (Float32Array | null)[];

/**
 * Chroma's answer to `get`, by id. Vectors, nearly all of the bytes, go through a parser of their own; metadata through
 * one that keeps integers over 2^53 and tells 1.0 from 1.
 * Throws SyntaxError where the bytes are not the JSON that Chroma sends.
 */
export function parseRecords(bytes: Buffer): ReadonlyMap<string, SourceRecord> {
  const { spans, vectors } = takeVectors(bytes);
  const parse = <T>(key: string, read: (text: string) => unknown = JSON.parse) => {
    const span = spans.get(key);
    return span ? (read(bytes.toString("utf8", ...span)) as T) : null;
  };
  const ids = parse<readonly string[]>("ids");
  // Whatever answers without ids says nothing about them: taken for an empty page it would empty the target.
  if (!Array.isArray(ids)) throw new SyntaxError("A list of ids was expected.");
  const embeddings =
    vectors ?? parse<readonly (readonly (number | null)[] | null)[]>("embeddings")?.map(toVector) ?? null;
  const documents = parse<readonly (string | null)[]>("documents");
  const uris = parse<readonly (string | null)[]>("uris");
  const metadatas = parse<readonly (JsonObject | null)[]>("metadatas", parseExactJson);
  for (const list of [embeddings, documents, uris, metadatas])
    if (list && list.length !== ids.length) throw new SyntaxError("The lists differ in length.");
  return new Map(
    ids.map((id: string, index) => [
      id,
      {
        id,
        embedding: embeddings?.[index] ?? null,
        document: documents?.[index] ?? null,
        uri: uris?.[index] ?? null,
        metadata: metadatas?.[index] ?? null,
      },
    ]),
  );
}

/** Vectors are read where they stand; undefined where they look otherwise than Chroma writes them. */
function takeVectors(bytes: Buffer): { readonly spans: Spans; readonly vectors: Vectors | undefined } {
  let vectors: Vectors | undefined;
  const spans = findSpans(bytes, (key, start) => {
    const parsed = key === "embeddings" ? parseVectors(bytes, start) : undefined;
    vectors = parsed?.vectors ?? vectors;
    return parsed?.end;
  });
  return { spans, vectors };
}

/** An element that is null was NaN or infinite in the server: JSON cannot say so. */
function toVector(elements: readonly (number | null)[] | null): Float32Array | null {
  if (!elements) return null;
  const vector = new Float32Array(elements.length);
  for (let i = 0; i < vector.length; i++) vector[i] = elements[i] ?? Number.NaN;
  return vector;
}
