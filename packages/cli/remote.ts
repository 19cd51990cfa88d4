import { CairnError, type Client, createClient, read } from "@cairn/client/client.ts";
import { encodeVector } from "@cairn/client/vector.ts";
import type { NewDocument } from "@cairn/core/document/document.ts";
import { AppError } from "@cairn/core/error.ts";
import type { FilterInput } from "@cairn/core/filter/input.ts";
import type { Hit } from "@cairn/core/search/hit.ts";
import type { QueryOptions } from "@cairn/core/search/query.ts";
import type { Command } from "commander";
import { parseConfig } from "./config.ts";
import { rawNumbers, type SendOptions, type Sent, sendDocuments } from "./send.ts";
import { printHits } from "./terminal/hits.ts";
import { printJson } from "./terminal/print.ts";

export interface Remote {
  readonly client: Client;
  readonly json: boolean;
}

/** A client where `--url` names a service; undefined: the command works on a database. */
export function remoteClient(command: Command): Remote | undefined {
  const { url, key, json } = parseConfig(command.optsWithGlobals());
  if (!url) return undefined;
  if (!key)
    throw new AppError("invalid_input", "A service asks for a key: give --key or CAIRN_KEY.", {
      path: "--key",
    });
  return { client: createClient({ url: url.replace(/\/$/, ""), key }), json };
}

/** `cairn query` against a service. */
export async function queryService(
  { client, json }: Remote,
  options: QueryOptions,
  filters: FilterInput,
): Promise<void> {
  const { text, embedding, collection, topK, mode, maxDistance, groupBy } = options;
  const body = {
    query: text,
    query_embedding: embedding && encodeVector(embedding),
    collection,
    top_k: topK,
    mode,
    max_distance: maxDistance,
    group_by: groupBy === "document" ? groupBy : undefined,
    filter: rawNumbers(filters.filter) as Record<string, unknown> | undefined,
    where_document: filters.whereDocument as Record<string, unknown> | undefined,
  };
  const { hits } = await asked(read(client.v1.query.$post({ json: body })));
  if (json) return printJson({ hits });
  printHits(
    hits.map(({ vector_rank, keyword_rank, content = null, metadata = {}, uri = null, ...hit }) => ({
      ...hit,
      content,
      metadata: metadata as Hit["metadata"],
      uri,
      vectorRank: vector_rank,
      keywordRank: keyword_rank,
    })),
  );
}

/** `cairn ingest` into a service. `onSent` is told how many documents it has been sent so far. */
export function ingestIntoService(
  { client }: Remote,
  documents: AsyncIterable<NewDocument>,
  options: SendOptions & { readonly onSent: (documents: number) => void },
): Promise<Sent> {
  return asked(sendDocuments(client, documents, options));
}

/** The service's refusals as errors of the command line, in its words. */
async function asked<T>(answering: Promise<T>): Promise<T> {
  try {
    return await answering;
  } catch (error) {
    if (error instanceof CairnError)
      throw new AppError(error.status < 500 ? "invalid_input" : "source_unavailable", error.message, {
        path: error.problem.path,
      });
    if (error instanceof TypeError)
      throw new AppError("source_unavailable", "The service cannot be reached. Check --url (CAIRN_URL).", {
        cause: error,
      });
    throw error;
  }
}
