import { stringifyJson } from "@cairn/core/database/json.ts";
import type { Convert } from "./convert/conversion.ts";
import { type InputDocument, inputError } from "./document.ts";
import { readDocuments } from "./read.ts";
import { createMemorySource } from "./source.ts";

/** A file in memory. */
export interface FileBytes {
  /** Its name or path, which becomes the id of its document. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Reads the documents of a file, see `fileToJson`. */
export type ReadFile = (file: FileBytes) => Promise<FileJson>;

/** Maximum documents of a file: rows of a CSV file, lines of JSON Lines, pages of a PDF. */
const MAX_DOCUMENTS = 10_000;

/**
 * The documents of a file as the elements of a JSON array in the API's format, without the brackets, and their number. Vectors
 * are base64. Throws `invalid_input` with the reason.
 */
export async function fileToJson({ name, bytes }: FileBytes, convert: Convert): Promise<FileJson> {
  const documents: string[] = [];
  for await (const document of readDocuments(createMemorySource(bytes, { file: name }), convert)) {
    if (documents.length === MAX_DOCUMENTS)
      throw inputError(name, `at once: it has more than ${MAX_DOCUMENTS} documents. Split it`);
    documents.push(stringifyJson(toApi(document)));
  }
  return { json: documents.join(), documents: documents.length };
}

export interface FileJson {
  readonly json: string;
  readonly documents: number;
}

function toApi({ id, content, format, metadata, uri, embedding }: InputDocument) {
  const vector = embedding && Buffer.from(embedding.buffer, embedding.byteOffset, embedding.byteLength);
  return { id, content, format, metadata, uri, embedding: vector?.toString("base64") };
}
