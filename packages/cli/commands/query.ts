import { getCollection } from "@cairn/core/collection/get.ts";
import { query } from "@cairn/core/search/query.ts";
import type { Services } from "@cairn/core/services.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { chooseTenant, withServices } from "../open.ts";
import { queryService, remoteClient } from "../remote.ts";
import { printHits } from "../terminal/hits.ts";
import { printJson } from "../terminal/print.ts";
import { filterInput } from "./filter-options.ts";
import { type QueryFlags, queryOptions, withQueryOptions } from "./query-options.ts";

export function addQuery(program: Command, { signal }: CommandContext): void {
  withQueryOptions(
    program.command("query [text]").description("find the passages nearest to a text or a vector"),
  ).action(async (text: string | undefined, flags: QueryFlags, command: Command) => {
    const filters = filterInput(flags); // before anything is opened
    const remote = remoteClient(command);
    if (remote) return queryService(remote, await queryOptions(text, flags), filters);
    return withServices(command, async (services, { json }) => {
      const tenant = await chooseTenant(services, flags.tenant);
      const asked = { ...(await queryOptions(text, flags)), ...filters, signal };
      const hits = await query(services, tenant.id, asked);
      if (json) return printJson({ hits });
      await noteEmbedder(services, tenant.id, flags);
      printHits(hits);
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
