import { toDoubles } from "@cairn/core/database/doubles.ts";
import { AppError } from "@cairn/core/error.ts";
import { MAX_RERANKED } from "@cairn/core/rerank/reranker.ts";
import type { SearchMode } from "@cairn/core/search/depth.ts";
import { type Expansion, MAX_NEIGHBORS } from "@cairn/core/search/expansion.ts";
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
  readonly rerank?: number;
  readonly expand?: string;
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
    )
    .option("--rerank <n>", "order the best n hits by the rerank model", integerBetween(1, MAX_RERANKED))
    .option("--expand <text>", "text around each hit: section, or passages before and after it, as in 1 or 2,1");
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
    rerank: flags.rerank === undefined ? undefined : { topN: flags.rerank },
    expand: flags.expand === undefined ? undefined : parseExpansion(flags.expand),
  };
}

/** `section`, `1` (passages before and after) or `2,1`. */
function parseExpansion(text: string): Expansion {
  if (text === "section") return { section: true };
  const [, before, after = before] = /^(\d{1,2})(?:,(\d{1,2}))?$/.exec(text) ?? [];
  if (before === undefined || Math.max(Number(before), Number(after)) > MAX_NEIGHBORS)
    throw new AppError(
      "invalid_input",
      `--expand must be section, or passages before and after a hit from 0 to ${MAX_NEIGHBORS}, as in 1 or 2,1, not ${JSON.stringify(text)}.`,
      { path: "--expand" },
    );
  return { before: Number(before), after: Number(after) };
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
