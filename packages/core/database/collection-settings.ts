// The JSON columns `index_settings` and `chunking` of a collection.

export type IndexType = "hnsw" | "ivfflat";

/** What an index stores of a vector: full precision, half precision, or binary (1 bit a dimension). Hits are re-ranked in full precision. */
export type Precision = "vector" | "halfvec" | "bit";

/** How a large collection is indexed and searched. Each setting has a default. */
export interface IndexSettings {
  /** Rows from which a collection gets an index. Smaller collections are searched exactly. Default 1,000. */
  readonly threshold?: number;
  /** Default `hnsw`. */
  readonly type?: IndexType;
  /**
   * Default: `bit` (an eighth of the memory) if the metric is cosine, vectors have at least 1,000 dimensions, and calibration
   * finds that binary distances order them; else `halfvec`, half the memory of `vector` at the same recall. `bit` needs cosine.
   */
  readonly precision?: Precision;
  /** HNSW: connections of a node, 2 to 100. Default 10. */
  readonly m?: number;
  /**
   * HNSW: candidates during the build, 4 to 1,000 and at least twice m. Default 200 for a binary-quantized index, 240 from
   * 300,000 rows; else 120. With 64, a twentieth of the searches misses its cluster.
   */
  readonly efConstruction?: number;
  /** HNSW: candidates during a search, 1 to 1,000. Default: measured by calibration, 100 to 1,000. If set, a binary-quantized index re-ranks as many. */
  readonly efSearch?: number;
  /**
   * IVFFlat: lists, 1 to 32,768, limited to a tenth of the rows and by the memory of the build. Default: rows / 1,000, at
   * least 10; from a million rows their square root.
   */
  readonly lists?: number;
  /** IVFFlat: lists that a search reads. Default: a quarter of the lists, at least 8. */
  readonly probes?: number;
}

/** Sizes of the passages that texts are split into, in tokens of OpenAI's embedding models (cl100k_base). */
export interface ChunkSizes {
  /** Maximum tokens of a passage, 16 to 8,000. */
  readonly maxTokens: number;
  /** Maximum tokens that a passage repeats of the previous one, 0 to half of `maxTokens`. */
  readonly overlap: number;
}

/** The sizes that a collection sets. The others have their defaults. */
export type ChunkSettings = Partial<ChunkSizes>;
