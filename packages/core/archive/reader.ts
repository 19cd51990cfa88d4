import { type JsonObject, type JsonValue, parseExactJson } from "../database/json.ts";
import { AppError } from "../error.ts";

interface Entry {
  readonly value: JsonObject;
  readonly line: number;
}

export interface ArchiveReader {
  next(): Promise<Entry | undefined>;
  /** The last line that was read. */
  line(): number;
}

/** Reads an archive entry by entry. Throws `invalid_input` with the line of a fault. */
export function readArchive(lines: AsyncIterable<string>): ArchiveReader {
  const iterator = lines[Symbol.asyncIterator]();
  let line = 0;
  return {
    line: () => line,
    async next() {
      const { done, value } = await iterator.next();
      if (done) return undefined;
      line++;
      try {
        const parsed = parseExactJson(value); // deep nesting throws a RangeError
        if (isObject(parsed)) return { value: parsed, line };
      } catch (error) {
        throw invalid(line, "is not JSON", error);
      }
      throw invalid(line, "is not an object");
    },
  };
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function parse<T>(
  schema: { safeParse(value: unknown): { success: boolean; data?: T } },
  value: unknown,
  what: string,
  line: number,
): T {
  const { success, data } = schema.safeParse(value);
  if (!success) throw invalid(line, `is ${what}`);
  return data as T;
}

export function invalid(line: number, why: string, cause?: unknown): AppError {
  return new AppError("invalid_input", `The archive cannot be imported: line ${line} ${why}.`, { cause });
}

export function truncated(line: number): AppError {
  return new AppError(
    "invalid_input",
    `The archive cannot be imported: it ends early, after line ${line}. Export the tenant again.`,
  );
}
