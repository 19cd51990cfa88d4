import type { Collection } from "@cairn/core/collection/collection.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import type { JsonObject } from "@cairn/core/database/json.ts";
import { withDefaultCollection } from "@cairn/core/document/default-collection.ts";
import { findMetadataFault } from "@cairn/core/document/metadata.ts";
import type { Failure } from "@cairn/core/document/passages.ts";
import { createJob, failJob } from "@cairn/core/job/job.ts";
import type { JobQueue } from "@cairn/core/job/local-queue.ts";
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { ownerOf } from "../auth/principal.ts";
import { tenantOf } from "../auth/require.ts";
import type { Env } from "../context.ts";
import { jsonResponse, reply } from "../openapi.ts";
import { makeId } from "../request/idempotent.ts";
import type { ingestSchema, newDocumentSchema } from "../schema/document.ts";
import { fromJob, jobSchema } from "../schema/service.ts";
import { toVector } from "../schema/vector.ts";

/** The response 202 of a route that starts a job. */
export const accepted = {
  ...jsonResponse(
    jobSchema,
    "The job, which continues. Read its progress at the URL of the header Location, or as events.",
  ),
  headers: z.object({ Location: z.string() }),
};

/** Creates a job, sends it to the queue and answers 202. If the queue refuses it, the job fails. */
export async function startJob(c: Context<Env>, queue: JobQueue, kind: string, request: JsonObject) {
  const tenantId = ownerOf(c.var.principal);
  const id = makeId(c, "job");
  const created = await createJob(c.var.services.database, tenantId, { id, kind, request });
  const address = { tenantId, id: created.id };
  try {
    await queue.send(address);
  } catch (error) {
    await failJob(c.var.backgroundServices.database, address, NOT_QUEUED);
    throw error;
  }
  return reply(c, fromJob(created), 202, { Location: `/v1/jobs/${created.id}` });
}

const NOT_QUEUED = {
  code: "internal_error",
  message: "The job could not be queued, and none of it was done. Send the request again.",
} as const;

type IngestRequest = z.infer<typeof ingestSchema> & {
  /** What could not be read. The job lists it as failed. */
  readonly refused?: readonly Failure[];
};

/** Creates a job that ingests documents, and answers 202. */
export async function startIngest(c: Context<Env>, queue: JobQueue, request: IngestRequest) {
  const { collection, refused: unread = [] } = request;
  const target = await withDefaultCollection(c.var.services, tenantOf(c), {
    collection,
    work: () => getCollection(c.var.services.database, tenantOf(c), collection), // a wrong name is refused now
  });
  // Ids are generated now, so that a worker that takes the job over writes the same ones.
  const identified = request.documents.map((document, n) => ({
    ...document,
    id: document.id ?? makeId(c, `documents[${n}]`),
  }));
  await assertVectorSizes(target, identified);
  const { documents, refused } = separateUnstorable(identified);
  const work = { ...request, ...collectionReference(target), documents, refused: [...unread, ...refused] };
  return startJob(c, queue, "ingest", work as unknown as JsonObject);
}

type Identified = z.infer<typeof newDocumentSchema> & { readonly id: string };

/** How a job refers to its collection: by id as well, because the name may have moved by then. A replaced collection has no id here. */
const collectionReference = ({ id, name, replacedBy }: Collection) =>
  replacedBy === null ? { collection: name, collection_id: id } : { collection: name };

/** Throws `dimension_mismatch` now; the job would throw it only after it had written other documents. */
async function assertVectorSizes(collection: Collection, documents: readonly Identified[]): Promise<void> {
  const { assertDimensions } = await import("@cairn/core/document/write.ts"); // loaded with the first job
  const vectors = documents.map(({ id, embedding }, n) => ({
    id,
    embedding: embedding === undefined ? null : toVector(embedding),
    path: `documents[${n}].embedding`,
  }));
  assertDimensions(collection, vectors);
}

/**
 * Separates documents whose metadata cannot be stored. A job's request is stored as JSON itself, which would change such
 * metadata (`1e400`). If an id occurs twice, the last document is used.
 */
function separateUnstorable(input: readonly Identified[]) {
  const documents: Identified[] = [];
  const refused: Failure[] = [];
  for (const document of new Map(input.map((document) => [document.id, document])).values()) {
    const fault = document.metadata && findMetadataFault(document.metadata as JsonObject);
    if (fault) refused.push({ id: document.id, code: "invalid_input", message: fault.message });
    else documents.push(document);
  }
  return { documents, refused };
}
