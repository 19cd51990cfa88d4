import pino from "pino";
import type { RequestRecord } from "./record.ts";

export interface Log {
  /** Logs a finished request: level `error` for a status of 500 or more, else `info`. */
  request(record: RequestRecord): void;
  /** Logs an unexpected error with its stack, never with contents of a request. */
  failure(error: unknown, about: Readonly<Record<string, string>>): void;
}

export interface LogOptions {
  /** Default `info`. `silent` writes nothing. */
  readonly level?: string;
  /** Default: standard output. */
  readonly write?: (line: string) => void;
}

/** Creates a log with one JSON line for each request and failure. */
export function createLog({ level = "info", write }: LogOptions = {}): Log {
  const options = { level, base: undefined, messageKey: "message", timestamp: pino.stdTimeFunctions.isoTime };
  const log = write ? pino(options, { write }) : pino(options);
  return {
    request: (record) => (record.status >= 500 ? log.error(record, "request") : log.info(record, "request")),
    failure: (error, about) => log.error({ ...about, error: redactError(error) }, "failure"),
  };
}

/** The class, code and stack of an error, without its message, which may quote what a caller sent. */
function redactError(error: unknown): object {
  if (!(error instanceof Error)) return { name: typeof error };
  const { code, cause } = error as { readonly code?: unknown; readonly cause?: unknown };
  const sqlstate = (cause as { readonly sqlstate?: unknown } | undefined)?.sqlstate;
  return {
    name: error.name,
    ...(typeof code === "string" ? { code } : {}),
    ...(typeof sqlstate === "string" ? { sqlstate } : {}),
    at: (error.stack ?? "")
      .split("\n")
      .filter((line) => /^\s+at /.test(line))
      .slice(0, 8)
      .map((line) => line.trim()),
  };
}
