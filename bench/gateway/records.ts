import type { Peer } from "../chroma-api/peer.ts";
import { type BenchDocument, makeDocument } from "../support/dataset.ts";
import { clusteredVectors } from "../support/vectors.ts";

const DIMENSIONS = 384;

const QUERIES = 100;

export interface GatewayDataset {
  readonly documents: readonly BenchDocument[];
  /** Bodies of queries. */
  readonly queries: readonly string[];
  /** Bodies of reads of 100 records by their ids. */
  readonly gets: readonly string[];
}

export function makeGatewayDataset(size: number): GatewayDataset {
  const vectors = [...clusteredVectors(size + QUERIES, DIMENSIONS)];
  const documents = vectors.slice(0, size).map((vector, index) => makeDocument(index, vector));
  const queries = vectors.slice(size).map((vector) =>
    JSON.stringify({
      query_embeddings: [[...vector]],
      n_results: 10,
      include: ["documents", "metadatas", "distances"],
    }),
  );
  const gets = Array.from({ length: 50 }, (_, page) =>
    JSON.stringify({
      ids: documents
        .filter((_, at) => at % 50 === page)
        .slice(0, 100)
        .map(({ id }) => id),
    }),
  );
  return { documents, queries, gets };
}

const BATCH = 500;

/** Adds all documents to the peer's collection. */
export async function fill({ send, collection }: Peer, documents: readonly BenchDocument[]): Promise<void> {
  for (let start = 0; start < documents.length; start += BATCH)
    await send(
      "POST",
      `${collection}/add`,
      bodyOf(documents.slice(start, start + BATCH), (at) => `doc-${start + at}`),
    );
}

/** The body of an add or upsert of these documents, under other ids. */
function bodyOf(documents: readonly BenchDocument[], idAt: (index: number) => string): string {
  return JSON.stringify({
    ids: documents.map((_, index) => idAt(index)),
    embeddings: documents.map(({ embedding }) => [...embedding]),
    documents: documents.map(({ content }) => content),
    metadatas: documents.map(({ metadata }) => metadata),
  });
}

const MAX_BODIES = 200;

/**
 * Returns a function that gives the body of the request with this number. `added`: every id is new. Otherwise the requests repeat the ids
 * of the first 200. The vectors are written as text once, so that the client leaves the processor to the servers.
 */
export function createBodies(
  documents: readonly BenchDocument[],
  { batch, prefix, added }: { readonly batch: number; readonly prefix: string; readonly added: boolean },
): (index: number) => string {
  const count = Math.max(1, Math.min(MAX_BODIES, Math.floor(documents.length / batch)));
  const rests = Array.from({ length: count }, (_, at) => {
    const part = documents.slice(at * batch, (at + 1) * batch);
    return bodyOf(part, () => "").replace(/^\{"ids":\[[^\]]*\]/, "");
  });
  return (index) => {
    const round = added ? index : index % count;
    const ids = Array.from({ length: batch }, (_, at) => `${prefix}-${round}-${at}`);
    return `{"ids":${JSON.stringify(ids)}${rests[index % count]}`;
  };
}
