import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { AppError } from "@cairn/core/error.ts";
import pLimit from "p-limit";
import { convertedFormat } from "../file-kind.ts";
import { HEAD_BYTES } from "../source.ts";
import { type FileBytes, type FileJson, fileToJson, type ReadFile } from "../to-json.ts";
import { type Conversion, type ConversionFault, type Convert, faultError, noConversion } from "./conversion.ts";

export interface ThreadOptions {
  /** Maximum threads. Further files wait. Default 1. */
  readonly threads?: number;
  /** Maximum milliseconds of a file. Default 120,000. */
  readonly timeoutMs?: number;
}

/** Megabytes that a thread may have on its heap. */
const MAX_HEAP_MB = 512;

/** Bytes that it may have outside of the heap, in addition to four copies of the file. A small file can unpack to a large one. */
const MAX_BUFFER_BYTES = 200_000_000;

/** Milliseconds between two measurements of a thread's memory. */
const WATCH_INTERVAL_MS = 20;

/** What a thread does: it converts a file, or reads its documents. */
export type Task =
  | { readonly conversion: Conversion; readonly file?: undefined }
  | { readonly conversion?: undefined; readonly file: FileBytes };

/** Returns a function that converts each file in a thread of its own, which a file can neither keep busy nor fill. */
export function createThreadConverter({ threads = 1, timeoutMs = 120_000 }: ThreadOptions = {}): Convert {
  const limit = pLimit(threads);
  return (conversion) => limit(() => runThread({ conversion }, { bytes: conversion.bytes.byteLength, timeoutMs }));
}

/** Bytes up to which a file of text is read in the calling thread, in a few milliseconds. */
const MAX_SHORT_BYTES = 10_000;

/** Returns a function that reads each long or converted file in a thread of its own. It throws `invalid_input` with the reason, and the signal's reason. */
export function createThreadReader({ threads = 1, timeoutMs = 120_000 }: ThreadOptions = {}): ReadFile {
  const limit = pLimit(threads);
  return async (file, signal) => {
    type Read = FileJson | { readonly message: string };
    const { bytes } = file;
    if (bytes.byteLength <= MAX_SHORT_BYTES && !convertedFormat(bytes.subarray(0, HEAD_BYTES)))
      return fileToJson(file, noConversion);
    const options = { bytes: bytes.byteLength, timeoutMs, signal };
    const read = await limit(() => {
      signal?.throwIfAborted();
      return runThread<Read>({ file }, options);
    });
    if ("json" in read) return read;
    if ("error" in read) throw faultError(file.name, read.error);
    throw new AppError("invalid_input", read.message, { path: file.name });
  };
}

interface Fault {
  readonly error: ConversionFault;
}

interface RunOptions {
  /** Bytes of the file. */
  readonly bytes: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

async function runThread<Result>(
  task: Task,
  { bytes: fileBytes, timeoutMs, signal }: RunOptions,
): Promise<Result | Fault> {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js"; // compiled in the published package
  const worker = new Worker(new URL(`./worker.${extension}`, import.meta.url), {
    workerData: task,
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    stdout: true,
    stderr: true,
  });
  const stop = new AbortController();
  const fail = (error: ConversionFault) => stop.abort({ error } satisfies Fault);
  const timer = setTimeout(fail, timeoutMs, "time");
  const watch = setInterval(async () => {
    const statistics = await worker.getHeapStatistics().catch(() => undefined); // it has ended
    if (statistics && statistics.external_memory > MAX_BUFFER_BYTES + 4 * fileBytes) fail("memory");
  }, WATCH_INTERVAL_MS);
  const abort = () => stop.abort();
  signal?.addEventListener("abort", abort);
  try {
    const [result] = (await once(worker, "message", { signal: stop.signal })) as [Result];
    return result;
  } catch (error) {
    signal?.throwIfAborted();
    if (stop.signal.aborted) return stop.signal.reason as Fault;
    return { error: (error as NodeJS.ErrnoException).code === "ERR_WORKER_OUT_OF_MEMORY" ? "memory" : "invalid" };
  } finally {
    signal?.removeEventListener("abort", abort);
    clearTimeout(timer);
    clearInterval(watch);
    await worker.terminate();
  }
}
