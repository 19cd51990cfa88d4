import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, open as openFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { AppError } from "@cairn/core/error.ts";
import { refuseBinary } from "./binary.ts";
import { type Format, guessFormat } from "./detect.ts";
import type { InputDocument } from "./document.ts";
import { nameOf, readDocuments, type TextSource } from "./read.ts";

export interface InputOptions {
  /** Default auto: by a file's ending, or its beginning. */
  readonly format: Format | "auto";
  /** Id of the text on standard input. */
  readonly id?: string;
  readonly signal?: AbortSignal;
}

/** Inputs that have been read once and hold no fault. */
export interface Inputs {
  readonly count: number;
  /** Elements of the given vectors; undefined: there are none. */
  readonly dimensions: number | undefined;
  /** Reads the documents again, one after the other: the memory that they take does not grow with their number. */
  documents(): AsyncGenerator<InputDocument>;
  /** Removes what was stored of standard input. */
  close(): Promise<void>;
}

/** Bytes at the beginning of a file by which its kind is told. */
const HEAD = 65_536;

/**
 * Reads the files, and standard input for `-`, to their end: a fault in the last line is found before the first is
 * ingested. Standard input is kept in a temporary file for the second reading.
 * Throws `invalid_input`, naming file, line and field; the signal's reason.
 */
export async function openInputs(files: readonly string[], options: InputOptions): Promise<Inputs> {
  const spool = files.includes("-") ? await spoolInput(options.signal) : undefined;
  const close = async () => {
    if (spool) await rm(spool.folder, { recursive: true, force: true });
  };
  try {
    const sources: TextSource[] = [];
    for (const file of files) sources.push(await openSource(file, spool?.path ?? file, options.format));
    const documents = async function* () {
      for (const source of sources)
        for await (const document of readDocuments(source, options)) {
          options.signal?.throwIfAborted();
          yield document;
        }
    };
    return { ...(await check(documents())), documents, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function check(documents: AsyncIterable<InputDocument>) {
  let count = 0;
  let first: { readonly dimensions: number; readonly place: string } | undefined;
  for await (const { embedding, passages = [], place } of documents) {
    count++;
    for (const { length } of [embedding, ...passages.map((one) => one.embedding)].filter(
      (one) => one !== undefined,
    )) {
      first ??= { dimensions: length, place };
      if (length === first.dimensions) continue;
      throw new AppError(
        "invalid_input",
        `${place} cannot be ingested: its embedding has ${length} numbers, and the one of ${first.place} has ${first.dimensions}. A collection holds vectors of one size.`,
        { path: place },
      );
    }
  }
  return { count, dimensions: first?.dimensions };
}

async function spoolInput(signal: AbortSignal | undefined) {
  const folder = await mkdtemp(join(tmpdir(), "cairn-input-"));
  const path = join(folder, "input");
  try {
    await pipeline(process.stdin, createWriteStream(path, { mode: 0o600 }), { signal });
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    signal?.throwIfAborted();
    throw error;
  }
  return { folder, path };
}

async function openSource(file: string, path: string, format: Format | "auto"): Promise<TextSource> {
  const head = await readHead(file, path);
  refuseBinary(file, { head, named: format !== "auto" });
  const start = new TextDecoder().decode(head);
  return {
    file,
    format: format === "auto" ? guessFormat(file, start) : format,
    pieces: () => decode(file, path),
    columns: new Map(),
  };
}

async function readHead(file: string, path: string): Promise<Uint8Array> {
  try {
    if ((await stat(path)).isDirectory())
      throw unreadable(file, "it is a folder; name its files, as in docs/*.md");
    const handle = await openFile(path);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD), 0, HEAD, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof AppError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw unreadable(file, code === "ENOENT" ? "there is no such file" : `the system says ${code}`, error);
  }
}

/** The text of a file in pieces. */
async function* decode(file: string, path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }))
      yield decoder.decode(chunk as Uint8Array, { stream: true });
    yield decoder.decode();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw unreadable(file, "it is not UTF-8 text. Convert it, as with iconv -f WINDOWS-1252 -t UTF-8", error);
  }
}

function unreadable(file: string, why: string, cause?: unknown): AppError {
  return new AppError("invalid_input", `${nameOf(file)} cannot be read: ${why}.`, { path: file, cause });
}
