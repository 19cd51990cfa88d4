import { readFile } from "node:fs/promises";
import { parseJson } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import type { FilterInput } from "@cairn/core/filter/input.ts";
import type { Command } from "commander";

/** Flags that narrow what a command reads or deletes. */
export interface FilterFlags {
  readonly filter?: string;
  readonly whereDocument?: string;
}

export function withFilter(command: Command): Command {
  return command
    .option("--filter <json>", `on metadata, as Chroma's where: '{"price": {"$lt": 20}}'`)
    .option("--where-document <json>", `on the text: '{"$contains": "refund"}'`);
}

/** Throws `invalid_input` where a filter is not JSON, or null: that would narrow nothing. */
export function filterInput({ filter, whereDocument }: FilterFlags): FilterInput {
  return {
    filter: readFilter(filter, "--filter"),
    whereDocument: readFilter(whereDocument, "--where-document"),
  };
}

function readFilter(text: string | undefined, flag: string): unknown {
  const filter = readJson(text, flag);
  if (filter === null)
    throw new AppError(
      "invalid_input",
      `${flag} must be a JSON object, as in {"topic": "returns"}, not null. Leave it out where nothing is to be narrowed.`,
      { path: flag },
    );
  return filter;
}

/** The text of the file that a flag names. Throws `invalid_input` where it cannot be read. */
export async function readFlagFile(path: string, flag: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new AppError("invalid_input", `The file ${path} of ${flag} cannot be read (${code}).`, {
      path: flag,
      cause: error,
    });
  }
}

/** The JSON of a flag; undefined where the flag is not given. */
export function readJson(text: string | undefined, flag: string): unknown {
  if (text === undefined) return undefined;
  try {
    return parseJson(text);
  } catch (error) {
    throw new AppError("invalid_input", `${flag} is not JSON: ${(error as Error).message}`, {
      path: flag,
      cause: error,
    });
  }
}
