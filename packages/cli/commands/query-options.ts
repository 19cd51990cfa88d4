import { toDoubles } from "@cairn/core/database/doubles.ts";
import { AppError } from "@cairn/core/error.ts";
import type { GroupBy, QueryOptions } from "@cairn/core/search/query.ts";
import type { SearchMode } from "@cairn/core/search/reads.ts";
import { type Command, Option } from "commander";
import * as z from "zod";
import { wholeNumber } from "./chroma-options.ts";
import { withTenant } from "./collections.ts";
import { type FilterFlags, readFlagFile, readJson, withFilter } from "./filter-options.ts";

/** What `query` and `explain` are asked with. */
export interface QueryFlags extends FilterFlags {
  readonly tenant?: string;
  readonly collection?: string;
  readonly embedding?: string;
  readonly topK: number;
  readonly mode: SearchMode;
  readonly maxDistance?: string;
  readonly groupBy?: GroupBy;
}

export function withQueryOptions(command: Command): Command {
  return withFilter(withTenant(command))
    .option("--collection <name>", "where to look (default: knowledge)")
    .option(
      "--embedding <json-or-file>",
      "look for a vector instead: a JSON list of numbers, or a file with one",
    )
    .option("--top-k <n>", "hits at most", wholeNumber(1, 1000), 10)
    .option("--max-distance <d>", "leave out what is farther away")
    .addOption(
      new Option("--mode <mode>", "compare meaning, words, or both")
        .choices(["vector", "keyword", "hybrid"])
        .default("vector"),
    )
    .addOption(
      new Option("--group-by <unit>", "the best passage of each document, or passages each for themselves")
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
    maxDistance: flags.maxDistance === undefined ? undefined : readNumber(flags.maxDistance),
  };
}

async function readVector(given: string): Promise<Float32Array> {
  const text = given.trimStart().startsWith("[") ? given : await readFlagFile(given, "--embedding");
  const result = z
    .array(z.number())
    .min(1)
    .safeParse(toDoubles(readJson(text, "--embedding")));
  if (!result.success)
    throw new AppError("invalid_input", "--embedding must be a JSON list of numbers, as in [0.1, 0.2].", {
      path: "--embedding",
    });
  return Float32Array.from(result.data);
}

function readNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value))
    throw new AppError("invalid_input", `--max-distance must be a number, not ${JSON.stringify(text)}.`, {
      path: "--max-distance",
    });
  return value;
}
