import { rm } from "node:fs/promises";
import { AppError } from "@cairn/core/error.ts";
import { createThreadConverter } from "@cairn/files/convert/thread.ts";
import type { InputDocument } from "@cairn/files/document.ts";
import { readDocuments } from "@cairn/files/read.ts";
import type { Source } from "@cairn/files/source.ts";
import { type InputOptions, listSources, type SourceFile } from "./sources.ts";

/** Inputs that have been read once and have no errors. */
export interface Inputs {
  /** Number of documents. */
  readonly count: number;
  /** The ids of all documents, with `withIds`. */
  readonly ids: ReadonlySet<string>;
  /** The starts of the ids of the documents of each folder. */
  readonly folders: readonly string[];
  /** Dimensions of the vectors in the input; undefined if there are none. */
  readonly dimensions: number | undefined;
  /** The files that were read. */
  readonly files: readonly ReadFile[];
  /** Of several files, those that cannot be read, and why. The others are ingested. */
  readonly refused: readonly RefusedFile[];
  /** Reads the documents again, one by one, so that memory use does not grow with their number. */
  documents(): AsyncGenerator<InputDocument>;
  /** Removes the temporary copies of standard input and downloads. */
  close(): Promise<void>;
}

export interface ReadFile {
  /** The id of its document, or the start of the ids of its documents. */
  readonly file: string;
  readonly documents: number;
}

export interface RefusedFile {
  /** The id of its document. */
  readonly file: string;
  readonly reason: string;
}

const convert = createThreadConverter();

/**
 * Reads and checks the files, and standard input for `-`, to their end, so that an error in the last line is found before the
 * first line is ingested. Standard input and downloads are copied to temporary files for the second read. A folder stands for
 * the files in it that have the extension of a format. Of several files, those that cannot be read are left out.
 * Throws `invalid_input`, naming file, line and field, or the reason of the signal.
 */
export async function openInputs(paths: readonly string[], options: InputOptions): Promise<Inputs> {
  const temporary: string[] = [];
  const close = async () => {
    for (const folder of temporary) await rm(folder, { recursive: true, force: true });
  };
  try {
    const onTemporary = (folder: string) => void temporary.push(folder);
    const { files, folders } = await listSources(paths, { ...options, onTemporary });
    const isTolerant = files.length > 1 || folders.length > 0;
    const { sources, ...checked } = await checkFiles(files, { ...options, isTolerant });
    const documents = async function* () {
      for (const source of sources)
        for await (const document of readDocuments(source, convert)) {
          options.signal?.throwIfAborted();
          yield document;
        }
    };
    return { ...checked, folders, documents, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Reads each file once. `isTolerant`: a file that cannot be read is refused, and the others are read. */
async function checkFiles(
  files: readonly SourceFile[],
  { withIds, isTolerant, signal }: InputOptions & { readonly isTolerant: boolean },
) {
  const sources: Source[] = [];
  const refused: RefusedFile[] = [];
  const read: ReadFile[] = [];
  const ids = new Set<string>();
  const assertSameDimensions = createDimensionCheck();
  for (const { file, open } of files) {
    signal?.throwIfAborted();
    try {
      const source = await open();
      let documents = 0;
      for await (const document of readDocuments(source, convert)) {
        signal?.throwIfAborted();
        documents++;
        if (withIds && document.id !== undefined) ids.add(document.id);
        assertSameDimensions(document);
      }
      sources.push(source);
      read.push({ file, documents });
    } catch (error) {
      if (!isTolerant || !(error instanceof AppError)) throw error;
      refused.push({ file, reason: error.message });
    }
  }
  const count = read.reduce((sum, { documents }) => sum + documents, 0);
  return { sources, refused, files: read, count, ids, dimensions: assertSameDimensions.dimensions() };
}

/** Checks that all vectors have the same dimensions. Throws `invalid_input`. */
function createDimensionCheck() {
  let first: { readonly dimensions: number; readonly place: string } | undefined;
  const check = ({ embedding, passages = [], place }: InputDocument) => {
    for (const vector of [embedding, ...passages.map((passage) => passage.embedding)]) {
      if (!vector) continue;
      first ??= { dimensions: vector.length, place };
      if (vector.length === first.dimensions) continue;
      throw new AppError(
        "invalid_input",
        `${place} cannot be ingested: its embedding has ${vector.length} numbers, and the embedding of ${first.place} has ${first.dimensions}. All vectors of a collection must have the same dimensions.`,
        { path: place },
      );
    }
  };
  return Object.assign(check, { dimensions: () => first?.dimensions });
}
