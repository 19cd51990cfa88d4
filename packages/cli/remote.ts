import { CairnError, type Client, createClient, read } from "@cairn/client/client.ts";
import { encodeVector } from "@cairn/client/vector.ts";
import type { NewDocument } from "@cairn/core/document/document.ts";
import { AppError } from "@cairn/core/error.ts";
import type { FilterInput } from "@cairn/core/filter/input.ts";
import type { Hit } from "@cairn/core/search/hit.ts";
import type { QueryOptions } from "@cairn/core/search/query.ts";
import type { Command } from "commander";
import type { InferResponseType } from "hono/client";
import { parseConfig } from "./config.ts";
import { rawNumbers, type SendOptions, type SendResult, sendDocuments } from "./send.ts";
import { printHits } from "./terminal/hits.ts";
import { printJson } from "./terminal/print.ts";

/** A Cairn service that a command uses instead of a database. */
export interface Remote {
  readonly client: Client;
  readonly json: boolean;
  /** The rerank model that an option names. Undefined: the service's own. */
  readonly rerankModel: string | undefined;
}

/** Returns a client for the service that `--url` names; undefined if the command uses a database. */
export function remoteClient(command: Command): Remote | undefined {
  const { url, key, json, rerankModel } = parseConfig(command.optsWithGlobals());
  if (!url) return undefined;
  if (!key)
    throw new AppError("invalid_input", "The service needs an API key. Set --key or CAIRN_KEY.", {
      path: "--key",
    });
  return { client: createClient({ url: url.replace(/\/$/, ""), key }), json, rerankModel };
}

/** Runs `cairn query` against a service. */
export async function queryService(
  { client, json, rerankModel }: Remote,
  options: QueryOptions,
  filters: FilterInput,
): Promise<void> {
  const { text, embedding, collection, topK, mode, maxDistance, groupBy, rerank, expand } = options;
  const body = {
    query: text,
    query_embedding: embedding && encodeVector(embedding),
    collection,
    top_k: topK,
    mode,
    max_distance: maxDistance,
    group_by: groupBy === "document" ? groupBy : undefined,
    rerank: rerank && { model: rerankModel, top_n: rerank.topN },
    expand,
    filter: rawNumbers(filters.filter) as Record<string, unknown> | undefined,
    where_document: filters.whereDocument as Record<string, unknown> | undefined,
  };
  const { hits, rerank: outcome } = await translateErrors(read(client.v1.query.$post({ json: body })));
  if (json) return printJson({ hits, rerank: outcome });
  printHits(hits.map(toHit), outcome);
}

type RemoteHit = InferResponseType<Client["v1"]["query"]["$post"], 200>["hits"][number];

function toHit({ vector_rank, keyword_rank, rerank_score, expanded, ...hit }: RemoteHit): Hit {
  const { content = null, metadata = {}, uri = null } = hit;
  return {
    ...hit,
    content,
    metadata: metadata as Hit["metadata"],
    uri,
    vectorRank: vector_rank,
    keywordRank: keyword_rank,
    rerankScore: rerank_score,
    expanded: expanded && { ...expanded, firstChunk: expanded.first_chunk, lastChunk: expanded.last_chunk },
  };
}

/** Runs `cairn ingest` against a service. `onSent` gets the number of documents sent so far. */
export function ingestIntoService(
  { client }: Remote,
  documents: AsyncIterable<NewDocument>,
  options: SendOptions & { readonly onSent: (documents: number) => void },
): Promise<SendResult> {
  return translateErrors(sendDocuments(client, documents, options));
}

/** Translates errors of the client into `AppError`, with the service's message. */
async function translateErrors<T>(response: Promise<T>): Promise<T> {
  try {
    return await response;
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
