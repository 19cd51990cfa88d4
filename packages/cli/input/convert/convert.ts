import { once } from "node:events";
import { stat } from "node:fs/promises";
import { Worker } from "node:worker_threads";
import type { AppError } from "@cairn/core/error.ts";
import { inputError } from "../document.ts";
import type { Conversion, Converted } from "./worker.ts";

/** Limits of a file that is converted: its bytes, the memory of the thread, and milliseconds. A small file can unpack to a large one. */
const MAX_BYTES = 200_000_000;
const MEMORY_MB = 1_024;
const TIMEOUT_MS = 120_000;

const NAMES = { pdf: "a PDF", docx: "a Word document" } as const;

type Success = Exclude<Converted, { readonly error: string }>;

/** Converts a file in a thread of its own, which a file cannot keep busy or fill. Throws `invalid_input` with the reason. */
export async function convertFile(file: string, conversion: Conversion): Promise<Success> {
  const name = NAMES[conversion.format];
  const { size } = await stat(conversion.path);
  if (size > MAX_BYTES)
    throw inputError(file, `: it is ${name} of ${size} bytes, more than the limit of ${MAX_BYTES}. Split it`);
  const converted = await runThread(file, conversion);
  if (!("error" in converted)) return converted;
  throw inputError(
    file,
    converted.error === "password"
      ? `: it is ${name} that needs a password. Save it without one`
      : `: it is not ${name}, or it is damaged`,
  );
}

async function runThread(file: string, conversion: Conversion): Promise<Converted> {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js"; // compiled in the published package
  const worker = new Worker(new URL(`./worker.${extension}`, import.meta.url), {
    workerData: conversion,
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
    stdout: true,
    stderr: true,
  });
  try {
    const [converted] = (await once(worker, "message", { signal: AbortSignal.timeout(TIMEOUT_MS) })) as [Converted];
    return converted;
  } catch (error) {
    throw tooMuch(file, conversion, error);
  } finally {
    await worker.terminate();
  }
}

function tooMuch(file: string, { format }: Conversion, cause: unknown): AppError {
  const isTimeout = (cause as Error).name === "AbortError";
  const limit = isTimeout ? `${TIMEOUT_MS / 1000} s` : `${MEMORY_MB} MB of memory`;
  return inputError(
    file,
    `: converting ${NAMES[format]} took more than ${limit}. Split it, or convert it to text first`,
  );
}
