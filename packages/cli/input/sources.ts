import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, open as openFile, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { AppError } from "@cairn/core/error.ts";
import { inputError } from "@cairn/files/document.ts";
import { EXTENSIONS, type Format } from "@cairn/files/format.ts";
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

/** A file of the input, which is not opened yet. */
export interface SourceFile {
  /** The id of its document. */
  readonly file: string;
  open(): Promise<Source>;
}

export interface ListedSources {
  readonly files: readonly SourceFile[];
  /** The starts of the ids of the documents of each folder. */
  readonly folders: readonly string[];
}

export interface SourceOptions extends InputOptions {
  /** Called with each temporary folder that is created. */
  readonly onTemporary: (folder: string) => void;
}

/** The files that the paths, folders, addresses and `-` of the input stand for. Throws `invalid_input` for a folder without files. */
export async function listSources(paths: readonly string[], options: SourceOptions): Promise<ListedSources> {
  const files: SourceFile[] = [];
  const folders: string[] = [];
  for (const path of paths) {
    if (await isFolder(path)) {
      folders.push(toFolder(path));
      for (const file of await listFolder(path))
        files.push({ file: toId(file), open: () => openSource(file, file, options) });
    } else files.push({ file: toId(path), open: () => openPath(path, options) });
  }
  return { files, folders };
}

async function openPath(path: string, options: SourceOptions): Promise<Source> {
  if (path === "-") {
    const { folder, path: spooled } = await spoolStandardInput(options.signal);
    options.onTemporary(folder);
    return openSource(path, spooled, options);
  }
  if (!isUrl(path)) return openSource(path, path, options);
  const { folder, path: downloaded, format = "auto" } = await download(path, options.signal);
  options.onTemporary(folder);
  return openSource(path, downloaded, options.format === "auto" ? { ...options, format } : options);
}

/** Throws `invalid_input` unless there is a folder and the ids of each folder's documents start with the folder's own name. */
export async function assertFoldersForSync(paths: readonly string[]): Promise<void> {
  const folders: string[] = [];
  for (const path of paths) if (await isFolder(path)) folders.push(toFolder(path));
  if (folders.length === 0 || folders.some((folder) => folder === "./" || folder.startsWith("../")))
    throw new AppError(
      "invalid_input",
      "--sync needs a folder, by a path that all its ids start with. Name it from the folder above, for example: cairn ingest handbook --sync.",
      { path: "--sync" },
    );
}

async function isFolder(path: string): Promise<boolean> {
  if (path === "-" || isUrl(path)) return false;
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false; // reported when it is read
  }
}

/** The files of a folder and its folders that have the extension of a format, sorted. Hidden ones and packages are left out. */
async function listFolder(folder: string): Promise<readonly string[]> {
  const files = (await Array.fromAsync(walkFolder(folder))).toSorted();
  if (files.length === 0)
    throw unreadable(folder, `the folder has no file with one of the extensions ${EXTENSIONS.join(" ")}`);
  return files;
}

/** A folder within it that is deleted during the walk has no files. One that cannot be read is an error. */
async function* walkFolder(folder: string, root = folder): AsyncGenerator<string> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error) => {
    if (error.code === "ENOENT" && folder !== root) return [];
    throw unreadable(root, `the operating system reports ${error.code} for ${error.path}`, error);
  });
  for (const entry of entries) {
    if (entry.name.startsWith(".") || entry.name === "node_modules") continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* walkFolder(path, root);
    else if (entry.isFile() && EXTENSIONS.includes(extname(entry.name).toLowerCase())) yield path;
  }
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

/** The start of the ids of a folder's documents. */
function toFolder(path: string): string {
  return toId(join(path, sep));
}

function toId(path: string): string {
  return path.split(sep).join("/");
}

async function openSource(file: string, path: string, { format, id }: InputOptions): Promise<Source> {
  const isDownload = isUrl(file);
  return createSource({
    file,
    id: file === "-" ? id : isDownload ? file : toId(file),
    uri: isDownload ? file : undefined,
    format,
    head: await readHead(file, path),
    bytes: () => readBytes(file, path).catch((error) => throwUnreadable(file, error)),
    chunks: () => readChunks(file, path),
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

async function* readChunks(file: string, path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: 1 << 20 });
  } catch (error) {
    throwUnreadable(file, error);
  }
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
    throwUnreadable(file, error);
  }
}

/** Throws `invalid_input` for an error of the file system, such as a file that is deleted between two reads. */
function throwUnreadable(file: string, error: unknown): never {
  if (!(error instanceof Error && "syscall" in error && "code" in error)) throw error;
  const { code } = error;
  throw unreadable(file, code === "ENOENT" ? "there is no such file" : `the operating system reports ${code}`, error);
}
