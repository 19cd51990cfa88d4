import { AppError } from "@cairn/core/error.ts";
import type { FilterInput } from "@cairn/core/filter/input.ts";
import type { Command } from "commander";
import { parseJsonArgument } from "./json-argument.ts";

/** Flags that select documents to read or delete. */
export interface FilterFlags {
  readonly filter?: string;
  readonly whereDocument?: string;
}

export function addFilterOptions(command: Command): Command {
  return command
    .option("--filter <json>", `metadata filter in Chroma's where syntax: '{"price": {"$lt": 20}}'`)
    .option("--where-document <json>", `text filter: '{"$contains": "refund"}'`);
}

/** Parses the filter flags. Throws `invalid_input` if a filter is not JSON, or is null, which would match everything. */
export function filterInput({ filter, whereDocument }: FilterFlags): FilterInput {
  return {
    filter: parseFilter(filter, "--filter"),
    whereDocument: parseFilter(whereDocument, "--where-document"),
  };
}

function parseFilter(text: string | undefined, flag: string): unknown {
  const filter = parseJsonArgument(text, flag);
  if (filter === null)
    throw new AppError(
      "invalid_input",
      `${flag} must be a JSON object, as in {"topic": "returns"}, not null. Omit ${flag} to match everything.`,
      { path: flag },
    );
  return filter;
}
