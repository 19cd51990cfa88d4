import type { CallbackManagerForRetrieverRun } from "@langchain/core/callbacks/manager";
import { Document } from "@langchain/core/documents";
import { BaseRetriever, type BaseRetrieverInput } from "@langchain/core/retrievers";
import { type Client, read } from "./client.ts";
import { bigintsToStrings } from "./lossless-json.ts";
import { rankingFields, type SearchOptions } from "./search.ts";

export interface CairnRetrieverInput extends BaseRetrieverInput, SearchOptions {
  readonly client: Client;
}

/**
 * A retriever for LangChain.js: `await new CairnRetriever({ client }).invoke("How long may I return a kettle?")`. Integers
 * beyond 2^53 in metadata are strings of digits.
 */
export class CairnRetriever extends BaseRetriever {
  static override lc_name() {
    return "CairnRetriever";
  }

  override readonly lc_namespace = ["cairn", "retrievers"];
  readonly #input: CairnRetrieverInput;

  constructor(input: CairnRetrieverInput) {
    super(input);
    this.#input = input;
  }

  override async _getRelevantDocuments(query: string, _run?: CallbackManagerForRetrieverRun): Promise<Document[]> {
    const { client, collection, topK, filter, groupBy, mode = "hybrid" } = this.#input;
    const { hits } = await read(
      client.v1.query.$post({
        json: { query, collection, top_k: topK, filter, group_by: groupBy, mode, ...rankingFields(this.#input) },
      }),
    );
    return hits.map(
      ({ id, chunk, content, metadata, uri, score }) =>
        new Document({
          id,
          pageContent: content ?? "",
          metadata: { ...bigintsToStrings(metadata), id, chunk, score, ...(uri ? { source: uri } : {}) },
        }),
    );
  }
}
