import type { Database } from "./database/database.ts";
import type { Embedders } from "./embedding/embedder.ts";
import type { Reranker } from "./rerank/reranker.ts";
import type { UsageBuffer } from "./usage/buffer.ts";

/** What the knowledge base depends on. The entry point creates it once and passes it down. */
export interface Services {
  readonly database: Database;
  readonly embedders: Embedders;
  /** Undefined: searches that request a rerank model fail with `rerank_not_configured`. */
  readonly reranker?: Reranker;
  /** Counts what tenants use. Undefined: nothing is counted, as on the command line. */
  readonly usage?: UsageBuffer;
}
