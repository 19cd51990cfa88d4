import { CairnError, type Client, createClient, read } from "@cairn/client/client.ts";
import type { NewDocument } from "@cairn/core/document/document.ts";
import { AppError } from "@cairn/core/error.ts";
import type { FilterInput } from "@cairn/core/filter/input.ts";
import type { Hit } from "@cairn/core/search/hit.ts";
import type { QueryOptions } from "@cairn/core/search/query.ts";
import type { Command } from "commander";
import { parseConfig } from "./config.ts";
import { EXIT } from "./exit.ts";
import { printHits } from "./terminal/hits.ts";
import { printJson, visible } from "./terminal/print.ts";

export interface Remote {
  readonly client: Client;
  readonly json: boolean;
}

/** Documents that are sent in one request. */
const BATCH = 100;

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
  const { text, embedding, collection, topK, mode, maxDistance } = options;
  const body = {
    query: text,
    query_embedding: embedding && [...embedding],
    collection,
    top_k: topK,
    mode,
    max_distance: maxDistance,
    filter: filters.filter as Record<string, unknown> | undefined,
    where_document: filters.whereDocument as Record<string, unknown> | undefined,
  };
  const { hits } = await asked(client.v1.query.$post({ json: body }));
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

/** `cairn ingest` into a service. Returns the exit code. */
export async function ingestIntoService(
  { client, json }: Remote,
  documents: readonly NewDocument[],
  {
    collection,
    maxTokens,
    overlap,
  }: { readonly collection?: string; readonly maxTokens: number; readonly overlap: number },
): Promise<number> {
  const all: { ids: string[]; passages: number; failed: { id: string; code: string; message: string }[] } = {
    ids: [],
    passages: 0,
    failed: [],
  };
  for (let at = 0; at < documents.length; at += BATCH) {
    const batch = documents.slice(at, at + BATCH).map(({ embedding, metadata, ...rest }) => ({
      ...rest,
      metadata: metadata as Record<string, unknown> | undefined,
      embedding: embedding && [...embedding],
    }));
    const body = { collection, documents: batch, max_tokens: maxTokens, overlap };
    const { ids, passages, failed } = await asked(client.v1.documents.$post({ header: {}, json: body }));
    all.ids.push(...ids);
    all.passages += passages;
    all.failed.push(...failed);
  }
  if (json) printJson(all);
  else {
    console.log(`${all.ids.length} documents in ${all.passages} passages were taken.`);
    for (const { id, message } of all.failed) console.error(`  not taken: ${visible(id)}: ${message}`);
  }
  return all.failed.length > 0 ? EXIT.exceptions : EXIT.done;
}

/** The service's refusals as errors of the command line, in its words. */
async function asked<T>(answering: Parameters<typeof read<T>>[0]): Promise<T> {
  try {
    return await read(answering);
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
