import { type JsonObject, parseExactJson } from "@cairn/core/database/json.ts";
import { parseVectors } from "./parse-vectors.ts";
import type { SourceRecord } from "./source.ts";

interface Page {
  /** The embeddings, if they have Chroma's format. */
  readonly vectors?: readonly (Float32Array | null)[];
  readonly ids: readonly string[];
  readonly embeddings?: readonly (readonly (number | null)[] | null)[] | null;
  readonly documents?: readonly (string | null)[] | null;
  readonly uris?: readonly (string | null)[] | null;
  readonly metadatas?: readonly (JsonObject | null)[] | null;
}

/**
 * Parses Chroma's response to `get` into records by id. Metadata keeps integers over 2^53 and distinguishes 1.0 from 1.
 * Throws SyntaxError if the bytes are not JSON in Chroma's format.
 */
export function parseRecords(bytes: Buffer): ReadonlyMap<string, SourceRecord> {
  const { ids, documents, uris, metadatas, ...page } = parsePage(bytes);
  // A response without ids must not count as an empty page, because that would empty the target.
  if (!Array.isArray(ids)) throw new SyntaxError("A list of ids was expected.");
  const embeddings = page.vectors ?? page.embeddings?.map(toVector);
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

/** The beginning of the vectors as Chroma writes it. It cannot occur within a string, where a quote is escaped. */
const VECTORS = '"embeddings":[[';

/** Parses the vectors with `parseVectors`, and everything else with `parseExactJson`. A page in another format than Chroma's is parsed twice. */
function parsePage(bytes: Buffer): Page {
  const key = bytes.indexOf(VECTORS);
  const start = key + VECTORS.length - 2;
  const parsed = key >= 0 ? parseVectors(bytes, start) : undefined;
  if (parsed) {
    const rest = `${bytes.toString("utf8", 0, start)}0${bytes.toString("utf8", parsed.end)}`;
    const page = parseExactJson(rest) as unknown as Page;
    if (typeof page.embeddings === "number") return { ...page, vectors: parsed.vectors };
  }
  const text = bytes.toString();
  return { ...(parseExactJson(text) as unknown as Page), embeddings: JSON.parse(text)?.embeddings };
}

/** A vector from JSON. A null element was NaN or infinite in the server, which JSON cannot represent. */
function toVector(elements: readonly (number | null)[] | null): Float32Array | null {
  if (!elements) return null;
  const vector = new Float32Array(elements.length);
  for (let i = 0; i < vector.length; i++) vector[i] = elements[i] ?? Number.NaN;
  return vector;
}
