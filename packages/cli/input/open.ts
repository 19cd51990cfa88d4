import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, open as openFile, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join, relative, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { AppError } from "@cairn/core/error.ts";
import { createThreadConverter } from "@cairn/files/convert/thread.ts";
import { type InputDocument, inputError } from "@cairn/files/document.ts";
import { EXTENSIONS, type Format } from "@cairn/files/format.ts";
import { readDocuments } from "@cairn/files/read.ts";
import { createSource, HEAD_BYTES, nameOf, type Source, unreadable } from "@cairn/files/source.ts";
import { download, isUrl } from "./download.ts";

export interface InputOptions {
  /** `auto`: detected by the file extension or the first characters. */
  readonly format: Format | "auto";
  /** Id of the document on standard input. */
  readonly id?: string;
  /** Collects the ids of all documents. Default false: memory use does not grow with their number. */
  readonly withIds?: boolean;
  readonly signal?: AbortSignal;
}

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
  /** Files of a folder that cannot be ingested, and why. The other files of the folder are. */
  readonly refused: readonly RefusedFile[];
  /** Reads the documents again, one by one, so that memory use does not grow with their number. */
  documents(): AsyncGenerator<InputDocument>;
  /** Removes the temporary copy of standard input. */
  close(): Promise<void>;
}

export interface RefusedFile {
  /** The id of its document. */
  readonly file: string;
  readonly reason: string;
}

const convert = createThreadConverter();

/**
 * Reads and checks the files, and standard input for `-`, to their end, so that an error in the last line is found before the
 * first line is ingested. Standard input is copied to a temporary file for the second read. A folder stands for the files in it
 * that have the extension of a format; those that cannot be read are left out.
 * Throws `invalid_input`, naming file, line and field, or the reason of the signal.
 */
export async function openInputs(files: readonly string[], options: InputOptions): Promise<Inputs> {
  const temporary: string[] = [];
  const close = async () => {
    for (const folder of temporary) await rm(folder, { recursive: true, force: true });
  };
  try {
    const { sources, refused, folders } = await openSources(files, {
      ...options,
      onTemporary: (folder) => temporary.push(folder),
    });
    const documents = async function* () {
      for (const source of sources)
        for await (const document of readDocuments(source, convert)) {
          options.signal?.throwIfAborted();
          yield document;
        }
    };
    return { ...(await checkDocuments(documents(), options)), refused, folders, documents, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Opens the files, and the files in folders. Each file of a folder is read once, so that one that is damaged is left out. */
async function openSources(
  paths: readonly string[],
  { onTemporary, ...options }: InputOptions & { readonly onTemporary: (folder: string) => void },
) {
  const sources: Source[] = [];
  const refused: RefusedFile[] = [];
  const folders: string[] = [];
  for (const path of paths) {
    if (path === "-") {
      const spooled = await spoolStandardInput(options.signal);
      onTemporary(spooled.folder);
      sources.push(await openSource(path, spooled.path, options));
      continue;
    }
    if (isUrl(path)) {
      const { folder, path: file, format } = await download(path, options.signal);
      onTemporary(folder);
      sources.push(
        await openSource(path, file, { ...options, format: options.format === "auto" ? format : options.format }),
      );
      continue;
    }
    if (!(await isFolder(path))) {
      sources.push(await openSource(path, path, options));
      continue;
    }
    folders.push(toId(join(path, sep)));
    const files = await listFolder(path);
    if (files.length === 0)
      throw unreadable(path, `the folder has no file with one of the extensions ${EXTENSIONS.join(" ")}`);
    for (const file of files) {
      options.signal?.throwIfAborted();
      try {
        const source = await openSource(file, file, options);
        for await (const _ of readDocuments(source, convert));
        sources.push(source);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        refused.push({ file: toId(file), reason: error.message });
      }
    }
  }
  return { sources, refused, folders };
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false; // reported when it is read
  }
}

/** The files of a folder and its folders that have the extension of a format, sorted. Hidden ones and packages are left out. */
async function listFolder(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && EXTENSIONS.includes(extname(entry.name).toLowerCase()))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter(
      (path) =>
        !relative(folder, path)
          .split(sep)
          .some((part) => part === "node_modules" || part.startsWith(".")),
    )
    .toSorted();
}

/** Counts the documents and returns the dimensions of their vectors. Throws `invalid_input` if these differ. */
async function checkDocuments(documents: AsyncIterable<InputDocument>, { withIds }: InputOptions) {
  const ids = new Set<string>();
  let count = 0;
  let first: { readonly dimensions: number; readonly place: string } | undefined;
  for await (const { id, embedding, passages = [], place } of documents) {
    count++;
    if (withIds && id !== undefined) ids.add(id);
    for (const { length } of [embedding, ...passages.map((passage) => passage.embedding)].filter(
      (vector) => vector !== undefined,
    )) {
      first ??= { dimensions: length, place };
      if (length === first.dimensions) continue;
      throw new AppError(
        "invalid_input",
        `${place} cannot be ingested: its embedding has ${length} numbers, and the embedding of ${first.place} has ${first.dimensions}. All vectors of a collection must have the same dimensions.`,
        { path: place },
      );
    }
  }
  return { count, ids, dimensions: first?.dimensions };
}

async function spoolStandardInput(signal: AbortSignal | undefined) {
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

function toId(path: string): string {
  return path.split(sep).join("/");
}

async function openSource(
  file: string,
  path: string,
  { format, id }: Pick<InputOptions, "id"> & { readonly format: InputOptions["format"] | undefined },
): Promise<Source> {
  const isDownload = isUrl(file);
  return createSource({
    file,
    id: file === "-" ? id : isDownload ? file : toId(file),
    uri: isDownload ? file : undefined,
    format,
    head: await readHead(file, path),
    bytes: () => readBytes(file, path),
    chunks: () => createReadStream(path, { highWaterMark: 1 << 20 }),
  });
}

/** Maximum bytes of a file that is converted. */
const MAX_CONVERTED_BYTES = 200_000_000;

async function readBytes(file: string, path: string): Promise<Uint8Array> {
  const { size } = await stat(path);
  if (size > MAX_CONVERTED_BYTES)
    throw inputError(nameOf(file), `: it has ${size} bytes, more than the limit of ${MAX_CONVERTED_BYTES}. Split it`);
  return new Uint8Array(await readFile(path));
}

async function readHead(file: string, path: string): Promise<Uint8Array> {
  try {
    const handle = await openFile(path);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof AppError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw unreadable(file, code === "ENOENT" ? "there is no such file" : `the operating system reports ${code}`, error);
  }
}
