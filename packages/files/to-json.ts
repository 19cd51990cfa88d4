import { stringifyJson } from "@cairn/core/database/json.ts";
import { findMetadataFault } from "@cairn/core/document/metadata.ts";
import { nextTurn } from "@cairn/core/turn.ts";
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
export type ReadFile = (file: FileBytes, signal?: AbortSignal) => Promise<FileJson>;

/** Maximum bytes of the documents of a file as JSON: a short file can become long, as every row repeats the names of its columns. */
const MAX_JSON_LENGTH = 32_000_000;

/** Maximum documents of a file: rows of a CSV file, lines of JSON Lines, pages of a PDF. */
const MAX_DOCUMENTS = 10_000;

/**
 * The documents of a file as the elements of a JSON array in the API's format, without the brackets, and their number. Vectors
 * are base64. Throws `invalid_input` with the reason.
 */
export async function fileToJson({ name, bytes }: FileBytes, convert: Convert): Promise<FileJson> {
  const documents: string[] = [];
  let length = 0;
  for await (const document of readDocuments(createMemorySource(bytes, { file: name }), convert)) {
    if (documents.length === MAX_DOCUMENTS)
      throw inputError(name, `at once: it has more than ${MAX_DOCUMENTS} documents. Split it`);
    const fault = document.metadata && findMetadataFault(document.metadata);
    if (fault) throw inputError(document.place, `: ${fault.message.replace(/\.$/, "")}`);
    const json = stringifyJson(toApi(document));
    length += json.length;
    if (length > MAX_JSON_LENGTH)
      throw inputError(name, `at once: its documents have more than ${MAX_JSON_LENGTH} characters. Split it`);
    documents.push(json);
    if (documents.length % TURN_DOCUMENTS === 0) await nextTurn();
  }
  return { json: documents.join(), documents: documents.length };
}

/** Documents that are read in one time slice. */
const TURN_DOCUMENTS = 100;

export interface FileJson {
  readonly json: string;
  readonly documents: number;
}

function toApi({ id, content, format, metadata, uri, embedding }: InputDocument) {
  const vector = embedding && Buffer.from(embedding.buffer, embedding.byteOffset, embedding.byteLength);
  return { id, content, format, metadata, uri, embedding: vector?.toString("base64") };
}
