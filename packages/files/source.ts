import { AppError } from "@cairn/core/error.ts";
import { inputError } from "./document.ts";
import { assertText, convertedFormat } from "./file-kind.ts";
import { detectFormat, type Format } from "./format.ts";

/** A file or standard input. It can be read several times. */
export interface Source {
  /** The path or URL that the user gave; `-` for standard input. */
  readonly file: string;
  /** The id of its document, and the start of the ids of several. Undefined: they have random ids. */
  readonly id: string | undefined;
  readonly uri?: string;
  readonly format: Format;
  readonly bytes: () => Promise<Uint8Array>;
  /** Its text. Throws `invalid_input` if it is not UTF-8. */
  readonly pieces: () => AsyncIterable<string>;
  /** For a CSV file: the types of its columns, after the first read. */
  readonly columns: Map<string, ColumnType>;
}

/** The common type of all values of a column. Text is the most general. */
export type ColumnType = "number" | "boolean" | "text";

/** Number of bytes at the start of a file that are used to detect its format. */
export const HEAD_BYTES = 65_536;

/** Maximum length of a file that is read into memory as one document, in UTF-16 code units. */
const MAX_DOCUMENT_LENGTH = 256 * 1024 * 1024;

export interface SourceInput extends Pick<Source, "file" | "id" | "uri" | "bytes"> {
  /** `auto`: detected by the file's name or its first bytes. */
  readonly format?: Format | "auto";
  /** The first `HEAD_BYTES` bytes. */
  readonly head: Uint8Array;
  readonly chunks: () => AsyncIterable<Uint8Array>;
}

/** Detects the format of a file. Throws `invalid_input` with a hint if Cairn cannot read it. */
export function createSource({ file, id, uri, bytes, format = "auto", head, chunks }: SourceInput): Source {
  const columns = new Map<string, ColumnType>();
  const source = { file, id, uri, bytes, columns, pieces: () => decode(file, chunks()) };
  const converted = convertedFormat(head);
  if (converted) return { ...source, format: converted };
  assertText(file, { head, hasFormat: format !== "auto" });
  return { ...source, format: format === "auto" ? detectFormat(file, new TextDecoder().decode(head)) : format };
}

/** A source of bytes in memory. */
export function createMemorySource(bytes: Uint8Array, { file }: Pick<Source, "file">): Source {
  const chunks = async function* () {
    yield bytes;
  };
  return createSource({ file, id: file, head: bytes.subarray(0, HEAD_BYTES), bytes: async () => bytes, chunks });
}

async function* decode(file: string, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    for await (const chunk of chunks) yield decoder.decode(chunk, { stream: true });
    yield decoder.decode();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw unreadable(file, "it is not UTF-8 text. Convert it, for example with iconv -f WINDOWS-1252 -t UTF-8", error);
  }
}

export function nameOf(file: string): string {
  return file === "-" ? "standard input" : file;
}

/** Creates the error for a file that cannot be read. */
export function unreadable(file: string, why: string, cause?: unknown): AppError {
  return new AppError("invalid_input", `${nameOf(file)} cannot be read: ${why}.`, { path: file, cause });
}

/** The complete text of a source. */
export async function readText({ file, pieces }: Source): Promise<string> {
  const parts: string[] = [];
  let length = 0;
  for await (const piece of pieces()) {
    length += piece.length;
    if (length > MAX_DOCUMENT_LENGTH)
      throw inputError(
        nameOf(file),
        `as one document: it has more than ${MAX_DOCUMENT_LENGTH / 1024 / 1024} million characters. Split it, or convert it to JSON Lines`,
      );
    parts.push(piece);
  }
  return parts.join("");
}
