import { getCollection } from "@cairn/core/collection/get.ts";
import { hashStoredIds } from "../copy/id-sets.ts";
import { listInOrder } from "../copy/list-in-order.ts";
import type { CollectionPair, ReplicaFinding } from "../gateway/replicate/context.ts";
import { equalizeCollection } from "../gateway/replicate/equalize-collection.ts";
import { replicateToChroma } from "../gateway/replicate/to-chroma.ts";
import { hashListing } from "../ledger/listing.ts";
import { addListings } from "../ledger/tally.ts";
import type { BackContext } from "./context.ts";
import { checkExtras, type Extras } from "./extras.ts";
import type { PlannedBack } from "./plan.ts";
import { type BackCollection, judge, type LeftOutDocument, MAX_LISTED } from "./report.ts";

/** Passes over a collection whose data keeps changing. */
const MAX_PASSES = 10;

export interface CollectionOutcome {
  readonly report: BackCollection;
  /** The first documents that Chroma does not hold. */
  readonly leftOut: readonly LeftOutDocument[];
}

/**
 * Writes one collection to Chroma, in passes until a pass over all documents and all records writes nothing. That pass is the
 * proof. A run that was interrupted is continued by the next: what is equal is not written again.
 */
export async function writeCollection(context: BackContext, planned: PlannedBack): Promise<CollectionOutcome> {
  const started = performance.now();
  const { cairn, path, existing } = planned;
  await context.target.ensureDatabase(path);
  const { chroma, created, findings } = await equalizeCollection(context, cairn, { path, existing });
  const written = { written: 0, deleted: 0 };
  for (let pass = 1; ; pass++) {
    const result = await runPass(context, planned, { chroma, pass });
    written.written += result.written;
    written.deleted += result.extras.deleted;
    const isSettled = result.written === 0 && result.extras.deleted === 0 && (await isProof(context, planned, result));
    if (!isSettled && pass < MAX_PASSES) continue;
    const { id, tenant, database, name } = chroma;
    const report = {
      collection: cairn.name,
      chroma: { tenant, database, name, id },
      created,
      documents: result.documents,
      records: result.extras.records - result.extras.deleted,
      equal: result.equal,
      ...written,
      extra: result.extras.remaining,
      leftOut: result.findings,
      passes: pass,
      seconds: (performance.now() - started) / 1000,
      problems: [...findings.map(({ detail }) => detail), ...(isSettled ? [] : [UNSETTLED])],
      extraIds: result.extras.ids,
    };
    context.onProgress({ collection: cairn.name, pass, done: result.documents, total: result.documents, ended: true });
    return { report: { ...report, verdict: judge(report, context) }, leftOut: result.leftOut };
  }
}

const UNSETTLED = `Cairn or Chroma kept changing during ${MAX_PASSES} passes. Run the command again when there are fewer writes.`;

/**
 * Whether a pass that wrote nothing has compared all documents and all records: Cairn still has exactly the ids that it has seen,
 * and Chroma has a record for each equal document, and no others than those that are listed.
 */
async function isProof(
  { database }: BackContext,
  { cairn }: PlannedBack,
  { listing, equal, findings, extras }: PassResult,
): Promise<boolean> {
  const records = extras.records - extras.remaining;
  if (records < equal || records > equal + findings) return false;
  return listing === (await hashStoredIds(database, cairn));
}

interface PassResult {
  readonly documents: number;
  /** Hash of the ids that the pass has seen in Cairn. */
  readonly listing: string;
  readonly equal: number;
  readonly written: number;
  readonly extras: Extras;
  readonly findings: number;
  readonly leftOut: readonly LeftOutDocument[];
}

async function runPass(
  context: BackContext,
  { cairn }: PlannedBack,
  { chroma, pass }: { readonly chroma: CollectionPair["chroma"]; readonly pass: number },
): Promise<PassResult> {
  // Read again, because the first vector may have set the dimensions.
  const pair = { cairn: await getCollection(context.database, cairn.tenantId, cairn.id), chroma };
  const total = await context.countDocuments(pair.cairn);
  const counts = { documents: 0, equal: 0, written: 0, findings: 0 };
  let listing = "0";
  const leftOut: LeftOutDocument[] = [];
  const progress = () => ({ collection: cairn.name, pass, done: counts.documents, total, ended: false });
  context.onProgress(progress());
  for await (const ids of idParts(context, pair, pass)) {
    for (const result of await Promise.all(ids.map((part) => replicateToChroma(context, pair, part)))) {
      counts.equal += result.equal;
      counts.written += result.written + result.deleted;
      counts.findings += result.findings.length;
      leftOut.push(...result.findings.slice(0, MAX_LISTED - leftOut.length).map((one) => leaveOut(cairn.name, one)));
    }
    counts.documents += ids.reduce((sum, { length }) => sum + length, 0);
    listing = addListings(listing, hashListing(ids.flat()));
    context.onProgress(progress());
  }
  const { prune, signal } = context;
  return {
    ...counts,
    listing,
    leftOut,
    extras: await checkExtras(context, pair, { prune, signal, maxIds: MAX_LISTED }),
  };
}

/** Ids that are compared at the same time in one part. */
const PART_SIZE = 300;

/**
 * Yields the ids of a collection in Cairn, in the order in which they were added, in parts that are compared concurrently. The
 * first pass has one part at a time, so that Chroma gets new records in this order.
 */
async function* idParts(
  { database, concurrency, signal }: BackContext,
  { cairn }: CollectionPair,
  pass: number,
): AsyncGenerator<readonly (readonly string[])[]> {
  const parts = pass === 1 ? 1 : concurrency;
  for await (const ids of listInOrder(database, cairn, parts * PART_SIZE)) {
    signal?.throwIfAborted();
    yield Array.from({ length: Math.ceil(ids.length / PART_SIZE) }, (_, index) =>
      ids.slice(index * PART_SIZE, (index + 1) * PART_SIZE),
    );
  }
}

/** A document that Chroma does not hold, with the name of its collection in Cairn. */
export function leaveOut(collection: string, { recordId, kind, detail }: ReplicaFinding): LeftOutDocument {
  return { collection, id: recordId, reason: kind, detail };
}
