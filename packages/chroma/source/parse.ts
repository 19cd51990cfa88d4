import { type JsonObject, parseExactJson } from "@cairn/core/database/json.ts";
import { findSpans } from "./json-spans.ts";
import type { SourceRecord } from "./source.ts";

/**
 * Parses Chroma's response to `get` into records by id. `JSON.parse` parses all but metadata, whose parser keeps integers
 * over 2^53 and distinguishes 1.0 from 1.
 * Throws SyntaxError if the bytes are not JSON in Chroma's format.
 */
export function parseRecords(bytes: Buffer): ReadonlyMap<string, SourceRecord> {
  const spans = findSpans(bytes, (key, start) =>
    key === "embeddings" ? endOfVectors(bytes, start) : undefined,
  );
  const parse = <T>(key: string, read: (text: string) => unknown = JSON.parse) => {
    const span = spans.get(key);
    return span ? (read(bytes.toString("utf8", ...span)) as T) : null;
  };
  const ids = parse<readonly string[]>("ids");
  // A response without ids must not count as an empty page, because that would empty the target.
  if (!Array.isArray(ids)) throw new SyntaxError("A list of ids was expected.");
  const embeddings =
    parse<readonly (readonly (number | null)[] | null)[]>("embeddings")?.map(toVector) ?? null;
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

/** The end of a list of lists of numbers, which holds no string. Undefined: the value has another form. */
function endOfVectors(bytes: Buffer, start: number): number | undefined {
  const end = bytes.indexOf("]]", start);
  const quote = bytes.indexOf('"', start);
  return end >= 0 && (quote < 0 || end < quote) ? end + 2 : undefined;
}

/** A vector from JSON. A null element was NaN or infinite in the server, which JSON cannot represent. */
function toVector(elements: readonly (number | null)[] | null): Float32Array | null {
  if (!elements) return null;
  const vector = new Float32Array(elements.length);
  for (let i = 0; i < vector.length; i++) vector[i] = elements[i] ?? Number.NaN;
  return vector;
}
