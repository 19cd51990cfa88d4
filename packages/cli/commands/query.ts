import { getCollection } from "@cairn/core/collection/get.ts";
import type { Hit } from "@cairn/core/search/hit.ts";
import { query } from "@cairn/core/search/query.ts";
import type { Services } from "@cairn/core/services.ts";
import type { Command } from "commander";
import { chooseTenant, withServices } from "../open.ts";
import type { Surroundings } from "../surroundings.ts";
import { printJson, visible } from "../terminal/print.ts";
import { filterInput } from "./filter-options.ts";
import { type QueryFlags, queryOptions, withQueryOptions } from "./query-options.ts";

export function addQuery(program: Command, { signal }: Surroundings): void {
  withQueryOptions(
    program.command("query [text]").description("find the passages nearest to a text or a vector"),
  ).action((text: string | undefined, flags: QueryFlags, command: Command) => {
    const filters = filterInput(flags); // before anything is opened
    return withServices(command, async (services, { json }) => {
      const tenant = await chooseTenant(services, flags.tenant);
      const asked = { ...(await queryOptions(text, flags)), ...filters, signal };
      const hits = await query(services, tenant.id, asked);
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
