import type { Collection } from "@cairn/core/collection/collection.ts";
import type { Database } from "@cairn/core/database/database.ts";
import type { Source, SourceCollection } from "../../source/source.ts";
import type { ChromaTarget } from "../../target/target.ts";

/** Both sides of a replication from Cairn to Chroma. */
export interface ToChromaContext {
  readonly database: Database;
  /** Reads the Chroma server that `target` writes. */
  readonly source: Source;
  readonly target: ChromaTarget;
}

/** A collection that is in both systems. */
export interface CollectionPair {
  /** The collection that serves requests. */
  readonly cairn: Collection;
  readonly chroma: SourceCollection;
}

/** Why a document, or the collection itself, cannot be equal in Chroma. */
export interface ReplicaFinding {
  /** Empty: the collection itself. */
  readonly recordId: string;
  /** `passages`: the document has several passages, and a record of Chroma is one row. `refused`: Chroma cannot hold it. */
  readonly kind: "passages" | "refused";
  /** One or two sentences without texts and values. */
  readonly detail: string;
}
