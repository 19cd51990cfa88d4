import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { AppError } from "@cairn/core/error.ts";
import type { Format } from "@cairn/files/format.ts";
import { unreadable } from "@cairn/files/source.ts";

/** A page or file from the web, in a temporary folder. */
export interface Download {
  readonly folder: string;
  readonly path: string;
  /** By the type that the server gives it. Undefined: detected as that of a file. */
  readonly format: Format | undefined;
}

/** Limits of a download: its bytes, and milliseconds. */
const MAX_BYTES = 200_000_000;
const TIMEOUT_MS = 120_000;

const FORMAT_OF_TYPE: ReadonlyMap<string, Format> = new Map(
  Object.entries<Format>({
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/markdown": "markdown",
    "text/csv": "csv",
    "application/json": "json",
    "application/jsonl": "jsonl",
    "application/x-ndjson": "jsonl",
  }),
);

export function isUrl(file: string): boolean {
  return /^https?:\/\//i.test(file);
}

/** Downloads a page or file. Throws `invalid_input` with the reason. */
export async function download(url: string, signal: AbortSignal = new AbortController().signal): Promise<Download> {
  const folder = await mkdtemp(join(tmpdir(), "cairn-download-"));
  const path = join(folder, "content");
  const stop = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  try {
    const response = await fetch(url, { signal: stop });
    if (!response.ok || !response.body) throw unreadable(url, `the server responds with ${response.status}`);
    const body = Readable.fromWeb(response.body as ReadableStream<Uint8Array>);
    await pipeline(body, limitBytes(url), createWriteStream(path), { signal: stop });
    const type = response.headers.get("Content-Type")?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
    return { folder, path, format: FORMAT_OF_TYPE.get(type) };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    signal.throwIfAborted();
    if (error instanceof AppError) throw error;
    if (stop.aborted) throw unreadable(url, `the download takes longer than ${TIMEOUT_MS / 1000} s`, error);
    const { message, cause } = error as Error;
    throw unreadable(url, cause instanceof Error ? `${message} (${cause.message})` : message, error);
  }
}

function limitBytes(url: string): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Uint8Array, _, done) {
      bytes += chunk.length;
      done(bytes > MAX_BYTES ? unreadable(url, `it has more than the limit of ${MAX_BYTES} bytes`) : null, chunk);
    },
  });
}
