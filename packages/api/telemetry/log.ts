import pino from "pino";
import type { RequestRecord } from "./record.ts";

export interface Log {
  /** One request that is over: `error` with a status of 500 or more, else `info`. */
  request(record: RequestRecord): void;
  /** What nobody expected, with its stack; never with what a request held. */
  failure(error: unknown, about: Readonly<Record<string, string>>): void;
}

export interface LogOptions {
  /** Default `info`; `silent`: nothing. */
  readonly level?: string;
  /** Default: standard output. */
  readonly write?: (line: string) => void;
}

/** A line of JSON for each request and failure. */
export function createLog({ level = "info", write }: LogOptions = {}): Log {
  const options = { level, base: undefined, messageKey: "message", timestamp: pino.stdTimeFunctions.isoTime };
  const log = write ? pino(options, { write }) : pino(options);
  return {
    request: (record) => (record.status >= 500 ? log.error(record, "request") : log.info(record, "request")),
    failure: (error, about) => log.error({ ...about, error: safe(error) }, "failure"),
  };
}

/** The class, the code and the place of an error. Its message may quote what a caller sent. */
function safe(error: unknown): object {
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
