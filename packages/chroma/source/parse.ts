import { type JsonObject, parseExactJson } from "@cairn/core/database/json.ts";
import { findSpans, type Spans } from "./json-spans.ts";
import { parseVectors } from "./parse-vectors.ts";
import type { SourceRecord } from "./source.ts";

/** Where Chroma's answer has its vectors. Inside a string the quotes would be escaped. */
const EMBEDDINGS = '"embeddings":';

type Vectors = readonly (Float32Array | null)[];

/**
 * Chroma's answer to `get`, by id. Vectors, nearly all of the bytes, go through a parser of their own; metadata through
 * one that keeps integers over 2^53 and tells 1.0 from 1.
 * Throws SyntaxError where the bytes are not the JSON that Chroma sends.
 */
export function parseRecords(bytes: Buffer): ReadonlyMap<string, SourceRecord> {
  const { text, spans, vectors } = takeVectors(bytes) ?? parseWhole(bytes);
  const ids = parse<readonly string[]>(text, spans, "ids");
  // Whatever answers without ids says nothing about them: taken for an empty page it would empty the target.
  if (!Array.isArray(ids)) throw new SyntaxError("A list of ids was expected.");
  const documents = parse<readonly (string | null)[]>(text, spans, "documents");
  const uris = parse<readonly (string | null)[]>(text, spans, "uris");
  const metadatas = parseMetadatas(text, spans);
  for (const list of [vectors, documents, uris, metadatas])
    if (list && list.length !== ids.length) throw new SyntaxError("The lists differ in length.");
  return new Map(
    ids.map((id: string, index) => [
      id,
      {
        id,
        embedding: vectors?.[index] ?? null,
        document: documents?.[index] ?? null,
        uri: uris?.[index] ?? null,
        metadata: metadatas?.[index] ?? null,
      },
    ]),
  );
}

interface Parts {
  readonly text: string;
  readonly spans: Spans;
  readonly vectors: Vectors | null;
}

/** Cuts the vectors out of the bytes, so that only the little that is left becomes text. */
function takeVectors(bytes: Buffer): Parts | undefined {
  const key = bytes.indexOf(EMBEDDINGS);
  if (key < 0) return undefined;
  const start = key + EMBEDDINGS.length;
  const parsed = parseVectors(bytes, start);
  if (!parsed) return undefined;
  const before = bytes.toString("utf8", 0, start);
  const text = `${before}null${bytes.toString("utf8", parsed.end)}`;
  const spans = findSpans(text);
  // Not the answer's own key but one in somebody's metadata: then the answer orders its keys in another way.
  return spans.get("embeddings")?.[0] === before.length
    ? { text, spans, vectors: parsed.vectors }
    : undefined;
}

function parseWhole(bytes: Buffer): Parts {
  const text = bytes.toString();
  const spans = findSpans(text);
  const lists = parse<readonly (readonly (number | null)[] | null)[]>(text, spans, "embeddings");
  return { text, spans, vectors: lists?.map(toVector) ?? null };
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
