import { toDoubles } from "@cairn/core/database/doubles.ts";
import { AppError } from "@cairn/core/error.ts";
import type { SearchMode } from "@cairn/core/search/depth.ts";
import type { GroupBy, QueryOptions } from "@cairn/core/search/query.ts";
import { type Command, Option } from "commander";
import * as z from "zod";
import { addFilterOptions, type FilterFlags } from "./filter-options.ts";
import { integerBetween } from "./integer.ts";
import { parseJsonArgument, readFileArgument } from "./json-argument.ts";
import { addTenantOption } from "./tenant-option.ts";

/** Flags that `query` and `explain` share. */
export interface QueryFlags extends FilterFlags {
  readonly collection?: string;
  readonly embedding?: string;
  readonly topK: number;
  readonly mode: SearchMode;
  readonly maxDistance?: string;
  readonly groupBy?: GroupBy;
}

export function addQueryOptions(command: Command): Command {
  return addFilterOptions(addTenantOption(command))
    .option("--collection <name>", "collection to search (default: knowledge)")
    .option(
      "--embedding <json-or-file>",
      "query vector instead of a text: a JSON list of numbers, or a file that contains one",
    )
    .option("--top-k <n>", "maximum number of hits", integerBetween(1, 1000), 10)
    .option("--max-distance <d>", "maximum distance of a hit")
    .addOption(
      new Option("--mode <mode>", "vector search, keyword search, or both")
        .choices(["vector", "keyword", "hybrid"])
        .default("vector"),
    )
    .addOption(
      new Option("--group-by <unit>", "unit of a hit: each passage, or the best passage of each document")
        .choices(["document", "passage"])
        .default("passage"),
    );
}

export async function queryOptions(text: string | undefined, flags: QueryFlags): Promise<QueryOptions> {
  return {
    text,
    collection: flags.collection,
    embedding: flags.embedding === undefined ? undefined : await readVector(flags.embedding),
    topK: flags.topK,
    mode: flags.mode,
    groupBy: flags.groupBy,
    maxDistance: flags.maxDistance === undefined ? undefined : parseDistance(flags.maxDistance),
  };
}

async function readVector(jsonOrFile: string): Promise<Float32Array> {
  const text = jsonOrFile.trimStart().startsWith("[") ? jsonOrFile : await readFileArgument(jsonOrFile, "--embedding");
  const result = z
    .array(z.number())
    .min(1)
    .safeParse(toDoubles(parseJsonArgument(text, "--embedding")));
  if (!result.success)
    throw new AppError("invalid_input", "--embedding must be a JSON list of numbers, as in [0.1, 0.2].", {
      path: "--embedding",
    });
  return Float32Array.from(result.data);
}

function parseDistance(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value))
    throw new AppError("invalid_input", `--max-distance must be a number, not ${JSON.stringify(text)}.`, {
      path: "--max-distance",
    });
  return value;
}
