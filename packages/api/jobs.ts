import type { Collection } from "@cairn/core/collection/collection.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import type { Database } from "@cairn/core/database/database.ts";
import type { JsonObject } from "@cairn/core/database/json.ts";
import { type IngestOptions, ingest } from "@cairn/core/document/ingest.ts";
import { withBudget } from "@cairn/core/embedding/budget.ts";
import { AppError } from "@cairn/core/error.ts";
import type { SetResult } from "@cairn/core/evaluation/run-set.ts";
import type { JobKinds, JobRunner, JobWork } from "@cairn/core/job/run.ts";
import type { BuildOptions } from "@cairn/core/maintenance/build.ts";
import type { IndexEvent } from "@cairn/core/maintenance/indexes.ts";
import type { Services } from "@cairn/core/services.ts";
import { getTenant } from "@cairn/core/tenant/tenant.ts";
import type { z } from "zod";
import type { RequestLimits } from "./request/deadline.ts";
import { bulkJobSchema, toNewDocument } from "./schema/document.ts";

/** Documents that are written between two progress reports. */
const BATCH_SIZE = 200;

/** Milliseconds to wait for the index-build lease of another process. */
const LEASE_WAIT_MS = 600_000;

type TenantWork = JobWork & Pick<BuildOptions, "maxRows">;
type TenantJobRunner = (services: Services, tenantId: string, work: TenantWork) => ReturnType<JobRunner>;

export interface JobLimits extends Pick<RequestLimits, "embeddingTokensPerDay">, Pick<BuildOptions, "maxRows"> {
  /** Gets the result of each scheduled evaluation. */
  readonly onEvaluation?: (result: SetResult) => void;
}

/** Creates the runners of the tenant job kinds `ingest`, `reindex` and `evaluate`. */
export function createJobKinds(limits: JobLimits): JobKinds {
  const forTenant =
    (run: TenantJobRunner): JobRunner =>
    async (services, work) => {
      if (work.tenantId === null) throw new AppError("invalid_input", "This kind of job requires a tenant.");
      const { limits: tenantLimits } = await getTenant(services.database, work.tenantId);
      const tokensPerDay = tenantLimits.embeddingTokensPerDay ?? limits.embeddingTokensPerDay;
      const { tenantId } = work;
      const countUsage = services.usage?.count;
      const embedders = withBudget(services.embedders, services.database, { tenantId, tokensPerDay, countUsage });
      return run({ ...services, embedders }, tenantId, { ...work, maxRows: limits.maxRows });
    };
  return {
    ingest: forTenant(ingestInBulk),
    reindex: forTenant(reindex),
    evaluate: forTenant(async (services, tenantId, work) => {
      const { evaluateSet } = await import("./evaluation-job.ts");
      return evaluateSet(services, tenantId, { ...work, onEvaluation: limits.onEvaluation });
    }),
  };
}

/** Loads index maintenance with the first job. A function that only answers requests never needs it. */
async function loadMaintenance() {
  const [{ maintainIndexes }, { describeFailure }] = await Promise.all([
    import("@cairn/core/maintenance/indexes.ts"),
    import("@cairn/core/maintenance/index-failure.ts"),
  ]);
  return { maintainIndexes, describeFailure };
}

const ingestInBulk: TenantJobRunner = async (
  services,
  tenantId,
  { request, counts, partial, signal, report, maxRows },
) => {
  const bulk = bulkJobSchema.parse(request);
  const { documents, refused, max_tokens: maxTokens, overlap } = bulk;
  const { failed: previous = refused } = partial as { readonly failed?: readonly DocumentFailure[] };
  const failed = createFailureList(previous, counts.failed ?? refused.length);
  let { documents: written = 0, passages = 0, position = refused.length } = counts;
  const total = refused.length + documents.length;
  const reportProgress = () => {
    const progress = { total, position, documents: written, passages, failed: failed.count() };
    report(progress, { failed: failed.list() });
  };
  const notices = new Set<string>();
  reportProgress();
  for (let at = position - refused.length; at < documents.length; at += BATCH_SIZE) {
    signal.throwIfAborted();
    const batch = documents.slice(at, at + BATCH_SIZE).map(toNewDocument);
    const options = { documents: batch, maxTokens, overlap, signal };
    const result = await ingestInto(services, tenantId, bulk, options);
    written += result.ids.length;
    passages += result.passages;
    if (result.notice) notices.add(result.notice);
    failed.add(result.failed);
    position = refused.length + Math.min(at + BATCH_SIZE, documents.length);
    reportProgress();
  }
  const { id, name } = await findTarget(services.database, tenantId, bulk);
  const { maintainIndexes, describeFailure } = await loadMaintenance();
  const options = { tenantId, collection: id, wait: LEASE_WAIT_MS, signal, maxRows };
  const maintained = await maintainIndexes(services.database, options);
  for (const failure of maintained?.failed ?? []) notices.add(describeFailure(failure));
  return { collection: name, documents: written, passages, failed: failed.list(), notices: [...notices] };
};

/** Replacements of a collection by a change of model that a job follows. */
const MAX_REPLACEMENTS = 20;

type Target = Pick<z.infer<typeof bulkJobSchema>, "collection" | "collection_id">;

/** Ingests into the job's collection. Retries if a change of model replaced the collection in the meantime. */
async function ingestInto(
  services: Services,
  tenantId: string,
  target: Target,
  options: Omit<IngestOptions, "collection">,
) {
  for (let attempt = 1; ; attempt++) {
    const { id: collection } = await findTarget(services.database, tenantId, target);
    try {
      return await ingest(services, tenantId, { ...options, collection });
    } catch (error) {
      const isReplaced = error instanceof AppError && error.code === "collection_changed";
      if (!isReplaced || attempt === 3) throw error;
    }
  }
}

/**
 * The collection that a job was accepted for, found by id because its name may have changed, or the collection that
 * replaced it with another model. If it was deleted, the collection that now has its name.
 */
async function findTarget(
  database: Database,
  tenantId: string,
  { collection_id: id, collection: name }: Target,
): Promise<Collection> {
  if (id === undefined) return getCollection(database, tenantId, name);
  try {
    let found = await getCollection(database, tenantId, id);
    for (let hops = 0; found.replacedBy !== null && hops < MAX_REPLACEMENTS; hops++)
      found = await getCollection(database, tenantId, found.replacedBy);
    return found;
  } catch (error) {
    if (!(error instanceof AppError && error.code === "not_found")) throw error;
    return getCollection(database, tenantId, name);
  }
}

interface DocumentFailure {
  readonly id: string;
  readonly code: string;
  readonly message: string;
}

/** Maximum failures that a job lists, and their total UTF-16 code units. `counts.failed` also counts those not listed. */
const MAX_FAILURES = 1_000;
const MAX_FAILURES_LENGTH = 500_000;

/** Collects the failures of a job: the first ones up to the limits, and the count of all. */
function createFailureList(previous: readonly DocumentFailure[], previousCount: number) {
  const listed: DocumentFailure[] = [];
  let count = previousCount;
  let length = 0;
  const append = (failures: readonly DocumentFailure[]) => {
    for (const failure of failures) {
      length += failure.id.length + failure.message.length;
      if (listed.length < MAX_FAILURES && length <= MAX_FAILURES_LENGTH) listed.push(failure);
    }
  };
  append(previous);
  return {
    add(failures: readonly DocumentFailure[]) {
      append(failures);
      count += failures.length;
    },
    count: () => count,
    list: (): JsonObject[] => listed.map((failure) => ({ ...failure })),
  };
}

interface ReindexRequest {
  readonly collection?: string;
  readonly model?: string;
  /** A question set that the new model must answer as well as the current one. */
  readonly evaluate?: string;
  readonly max_drop?: number;
}

const reindex: TenantJobRunner = async (
  services,
  tenantId,
  { request, signal, report, maxRows },
): Promise<JsonObject> => {
  const { collection, model, evaluate: set, max_drop: maxDrop } = request as unknown as ReindexRequest;
  if (model !== undefined) {
    const { changeModel } = await import("@cairn/core/reembed/change.ts");
    const changed = await changeModel(services, tenantId, model, {
      collection,
      signal,
      maxRows,
      onProgress: ({ written }) => report({ passages: written }),
      ...(set === undefined
        ? {}
        : {
            beforeSwap: async (collections) => {
              const { assertQuality } = await import("@cairn/core/evaluation/gate.ts");
              await assertQuality(services, collections, { set, maxDrop, signal });
            },
          }),
    });
    return { collection: changed.collection.name, kept: changed.replaced.name, passages: changed.written };
  }
  const { maintainIndexes } = await loadMaintenance();
  const events: IndexEvent[] = [];
  const result = await maintainIndexes(services.database, {
    tenantId,
    collection,
    signal,
    maxRows,
    retryNow: true,
    wait: LEASE_WAIT_MS,
    onProgress(event) {
      events.push(event);
      report({ steps: events.filter(({ seconds }) => seconds !== undefined).length });
    },
  });
  if (!result) throw new AppError("run_held", "Another process is building indexes. Try again when it has finished.");
  const done = result.done.map((event) => {
    const { collection, action, reason, rows, seconds = 0 } = event;
    return { collection, action, reason, rows, seconds };
  });
  const failed = result.failed.map(({ collection, code, reason }) => ({ collection, code, reason }));
  return { done, failed };
};
