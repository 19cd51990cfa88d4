import { CairnError, type Client, read } from "@cairn/client/client.ts";
import type { InferResponseType } from "hono/client";
import { tenantClient } from "../../request/client.ts";

export type Document = Extract<
  InferResponseType<Client["v1"]["documents"][":document"]["$get"]>,
  { readonly passages: unknown }
>;

export type Passage = Document["passages"][number];

/** Passages of a request. */
export const PASSAGES_PER_READ = 200;

/** A document with up to 200 passages from the first one on. Throws `CairnError`. */
export async function readDocument(collection: string, id: string, first: number): Promise<Document> {
  const query = { collection, first_passage: first, passages: PASSAGES_PER_READ };
  try {
    return await read(tenantClient().v1.documents[":document"].$get({ param: { document: id }, query }));
  } catch (error) {
    // An address cannot hold every id, a body can.
    if (!(error instanceof CairnError && error.problem.path === "document")) throw error;
    const { documents } = await read(tenantClient().v1.documents.get.$post({ json: { collection, ids: [id] } }));
    if (!documents[0]) throw error;
    return documents[0];
  }
}

export interface DeletionEffect {
  readonly documents: number;
  /** Undefined: the documents are too large to count their passages. */
  readonly passages: number | undefined;
}

/** What a deletion of these documents deletes now. */
export async function effectOfDeletion(collection: string, ids: readonly string[]): Promise<DeletionEffect> {
  try {
    const { documents } = await read(tenantClient().v1.documents.get.$post({ json: { collection, ids: [...ids] } }));
    return { documents: documents.length, passages: documents.reduce((sum, one) => sum + one.passages.length, 0) };
  } catch (error) {
    if (error instanceof CairnError && error.code === "response_too_large")
      return { documents: ids.length, passages: undefined };
    throw error;
  }
}
