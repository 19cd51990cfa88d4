import { getCollection } from "@cairn/core/collection/get.ts";
import { languageNotice } from "@cairn/core/embedding/bundled/language.ts";
import { noticeOf } from "@cairn/core/embedding/embedders.ts";
import { queryResult } from "@cairn/core/search/query.ts";
import type { Services } from "@cairn/core/services.ts";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";
import { withTenant } from "../open.ts";
import { filterInput } from "../options/filter-options.ts";
import { addQueryOptions, type QueryFlags, queryOptions } from "../options/query-options.ts";
import { queryService, remoteClient } from "../remote.ts";
import { printHits } from "../terminal/hits.ts";
import { printJson } from "../terminal/print.ts";

export function addQuery(program: Command, { signal }: CommandContext): void {
  addQueryOptions(program.command("query [text]").description("Search a collection by text or by vector")).action(
    async (text: string | undefined, flags: QueryFlags, command: Command) => {
      const filters = filterInput(flags); // fails before the database is opened
      const remote = remoteClient(command);
      if (remote) return queryService(remote, await queryOptions(text, flags), filters);
      return withTenant(command, async (services, tenant, { json }) => {
        const options = { ...(await queryOptions(text, flags)), ...filters, signal };
        const { hits, rerank } = await queryResult(services, tenant.id, options);
        if (json) return printJson({ hits, rerank });
        await printNotices(services, tenant.id, { ...flags, text });
        printHits(hits, rerank);
      });
    },
  );
}

/** Prints what the collection's model cannot do, if it is a small one, and if the text is in a language that it does not know. */
async function printNotices(
  { database, embedders }: Services,
  tenantId: string,
  { collection, embedding, text }: QueryFlags & { readonly text: string | undefined },
): Promise<void> {
  if (embedding !== undefined || text === undefined) return;
  const { embeddingModel } = await getCollection(database, tenantId, collection);
  for (const notice of [noticeOf(embedders, embeddingModel), await languageNotice(embeddingModel, [text])])
    if (notice) console.error(notice);
}
