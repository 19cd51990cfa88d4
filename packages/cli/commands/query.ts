import { readFile } from "node:fs/promises";
import { getCollection } from "@cairn/core/collection/get.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Hit } from "@cairn/core/search/hit.ts";
import { query } from "@cairn/core/search/query.ts";
import type { SearchMode } from "@cairn/core/search/rows.ts";
import type { Services } from "@cairn/core/services.ts";
import { type Command, Option } from "commander";
import * as z from "zod";
import { chooseTenant, withServices } from "../open.ts";
import type { Surroundings } from "../surroundings.ts";
import { printJson, visible } from "../terminal/print.ts";
import { wholeNumber } from "./chroma-options.ts";
import { withTenant } from "./collections.ts";
import { type FilterFlags, filterInput, readJson, withFilter } from "./filter-options.ts";

interface QueryFlags extends FilterFlags {
  readonly tenant?: string;
  readonly collection?: string;
  readonly embedding?: string;
  readonly topK: number;
  readonly mode: SearchMode;
  readonly maxDistance?: string;
}

export function addQuery(program: Command, { signal }: Surroundings): void {
  withFilter(
    withTenant(
      program.command("query [text]").description("find the passages nearest to a text or a vector"),
    ),
  )
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
    .action((text: string | undefined, flags: QueryFlags, command: Command) => {
      const filters = filterInput(flags); // before anything is opened
      return withServices(command, async (services, { json }) => {
        const tenant = await chooseTenant(services, flags.tenant);
        const hits = await query(services, tenant.id, {
          text,
          collection: flags.collection,
          embedding: flags.embedding === undefined ? undefined : await readVector(flags.embedding),
          topK: flags.topK,
          mode: flags.mode,
          maxDistance: flags.maxDistance === undefined ? undefined : readNumber(flags.maxDistance),
          signal,
          ...filters,
        });
        if (json) return printJson({ hits });
        await noteEmbedder(services, tenant.id, flags);
        if (hits.length === 0) console.log("Nothing found.");
        hits.forEach(printHit);
      });
    });
}

/** A collection of the offline embedder finds words, not meaning: whoever reads the hits should know. */
async function noteEmbedder(
  { database, embedders }: Services,
  tenantId: string,
  { collection, embedding }: QueryFlags,
): Promise<void> {
  if (embedding !== undefined || embedders.notice === undefined) return;
  const { embeddingModel } = await getCollection(database, tenantId, collection);
  if (embeddingModel?.startsWith("offline/")) console.error(embedders.notice);
}

function printHit(hit: Hit, index: number): void {
  const { id, chunk, content, distance, score, metadata, uri, vectorRank, keywordRank } = hit;
  const part = chunk > 0 ? ` (passage ${chunk + 1})` : "";
  const figures = [
    ...(distance === null ? [] : [`distance ${distance.toFixed(4)}`]),
    `score ${score.toFixed(3)}`,
    ...(vectorRank == null ? [] : [`by meaning ${vectorRank}`]),
    ...(keywordRank == null ? [] : [`by words ${keywordRank}`]),
  ];
  console.log(`${index + 1}. ${visible(id)}${part}  ${figures.join("  ")}`);
  if (content !== null) console.log(`   ${visible(content, 400)}`);
  const about = [
    ...Object.entries(metadata).map(([key, value]) => `${visible(key, 30)}: ${visible(String(value), 60)}`),
    ...(uri ? [visible(uri)] : []),
  ];
  if (about.length > 0) console.log(`   ${about.join(" · ")}`);
}

async function readVector(given: string): Promise<Float32Array> {
  const text = given.trimStart().startsWith("[") ? given : await readFile(given, "utf8");
  const result = z.array(z.number()).min(1).safeParse(readJson(text, "--embedding"));
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
