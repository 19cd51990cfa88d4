import type { Collection } from "@cairn/core/collection/collection.ts";
import { getCollection } from "@cairn/core/collection/get.ts";
import type { Database } from "@cairn/core/database/database.ts";
import type { JsonObject } from "@cairn/core/database/json.ts";
import { type IngestOptions, ingest } from "@cairn/core/document/ingest.ts";
import { withBudget } from "@cairn/core/embedding/budget.ts";
import { AppError } from "@cairn/core/error.ts";
import type { JobKinds, JobRunner, JobWork } from "@cairn/core/job/run.ts";
import type { BuildOptions } from "@cairn/core/maintenance/build.ts";
import type { IndexEvent } from "@cairn/core/maintenance/indexes.ts";
import type { Services } from "@cairn/core/services.ts";
import { getTenant } from "@cairn/core/tenant/tenant.ts";
import type { z } from "zod";
import type { RequestLimits } from "./request/deadline.ts";
import { bulkJobSchema, toNewDocument } from "./schema/document.ts";

/** Documents that are written before the next sign of progress. */
const SLICE = 200;

/** Milliseconds to wait for another builder of indexes. */
const LEASE_WAIT_MS = 600_000;

type TenantWork = JobWork & Pick<BuildOptions, "maxRows">;
type TenantJobRunner = (services: Services, tenantId: string, work: TenantWork) => ReturnType<JobRunner>;

export interface JobLimits
  extends Pick<RequestLimits, "embeddingTokensPerDay">,
    Pick<BuildOptions, "maxRows"> {}

/** What the service does with the jobs that it answers 202 to. */
export function createJobKinds(limits: JobLimits): JobKinds {
  const ofTenant =
    (run: TenantJobRunner): JobRunner =>
    async (services, work) => {
      if (work.tenantId === null) throw new AppError("invalid_input", "This kind of job is a tenant's.");
      const { limits: own } = await getTenant(services.database, work.tenantId);
      const tokensPerDay = own.embeddingTokensPerDay ?? limits.embeddingTokensPerDay;
      const embedders = withBudget(services.embedders, services.database, {
        tenantId: work.tenantId,
        tokensPerDay,
      });
      return run({ ...services, embedders }, work.tenantId, { ...work, maxRows: limits.maxRows });
    };
  return { ingest: ofTenant(ingestInBulk), reindex: ofTenant(reindex) };
}

/** Loaded by the first job: a function that answers requests never needs it. */
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
  const { failed: before = refused } = partial as { readonly failed?: readonly Failed[] };
  const failed = createFailures(before, counts.failed ?? refused.length);
  let { documents: written = 0, passages = 0, position = refused.length } = counts;
  const tell = () =>
    report(
      {
        total: refused.length + documents.length,
        position,
        documents: written,
        passages,
        failed: failed.count(),
      },
      { failed: failed.list() },
    );
  tell();
  for (let at = position - refused.length; at < documents.length; at += SLICE) {
    signal.throwIfAborted();
    const slice = documents.slice(at, at + SLICE).map(toNewDocument);
    const done = await ingestInto(services, tenantId, bulk, { documents: slice, maxTokens, overlap, signal });
    written += done.ids.length;
    passages += done.passages;
    failed.add(done.failed);
    position = refused.length + Math.min(at + SLICE, documents.length);
    tell();
  }
  const { id, name } = await findTarget(services.database, tenantId, bulk);
  const which = { tenantId, collection: id };
  const { maintainIndexes, describeFailure } = await loadMaintenance();
  const maintained = await maintainIndexes(services.database, {
    ...which,
    wait: LEASE_WAIT_MS,
    signal,
    maxRows,
  });
  const notices = (maintained?.failed ?? []).map(describeFailure);
  return { collection: name, documents: written, passages, failed: failed.list(), notices };
};

/** Changes of a collection's model that a job follows. */
const MAX_REPLACEMENTS = 20;

type Target = Pick<z.infer<typeof bulkJobSchema>, "collection" | "collection_id">;

/** Writes into the job's collection; again where another has taken its place meanwhile, with another model. */
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
      const replaced = error instanceof AppError && error.code === "collection_changed";
      if (!replaced || attempt === 3) throw error;
    }
  }
}

/**
 * The collection that a job was accepted for, whatever its name is now, or the one that took its place with another
 * model. Where it is gone, the one that has its name.
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

interface Failed {
  readonly id: string;
  readonly code: string;
  readonly message: string;
}

/** Failures that a job lists at most, and UTF-16 code units of them; `counts.failed` counts the others, too. */
const MAX_FAILURES = 1_000;
const MAX_FAILURES_LENGTH = 500_000;

/** The failures of a job: as many of the first as it may list, and how many there are. */
function createFailures(before: readonly Failed[], counted: number) {
  const listed: Failed[] = [];
  let count = counted;
  let length = 0;
  const list = (failures: readonly Failed[]) => {
    for (const failure of failures) {
      length += failure.id.length + failure.message.length;
      if (listed.length < MAX_FAILURES && length <= MAX_FAILURES_LENGTH) listed.push(failure);
    }
  };
  list(before);
  return {
    add(failures: readonly Failed[]) {
      list(failures);
      count += failures.length;
    },
    count: () => count,
    list: (): JsonObject[] => listed.map((failure) => ({ ...failure })),
  };
}

const reindex: TenantJobRunner = async (
  services,
  tenantId,
  { request, signal, report, maxRows },
): Promise<JsonObject> => {
  const { collection, model } = request as { readonly collection?: string; readonly model?: string };
  if (model !== undefined) {
    const { changeModel } = await import("@cairn/core/maintenance/model-change.ts");
    const changed = await changeModel(services, tenantId, model, {
      collection,
      signal,
      maxRows,
      onProgress: ({ written }) => report({ passages: written }),
    });
    return { collection: changed.collection.name, kept: changed.replaced.name, passages: changed.written };
  }
  const { maintainIndexes } = await loadMaintenance();
  const events: IndexEvent[] = [];
  const done = await maintainIndexes(services.database, {
    tenantId,
    collection,
    signal,
    maxRows,
    insist: true,
    wait: LEASE_WAIT_MS,
    onProgress(event) {
      events.push(event);
      report({ steps: events.filter(({ seconds }) => seconds !== undefined).length });
    },
  });
  if (!done)
    throw new AppError(
      "run_held",
      "Another process builds indexes at the moment. Try again when it is done.",
    );
  return {
    done: done.done.map(({ collection: name, action, reason, rows, seconds = 0 }) => ({
      collection: name,
      action,
      reason,
      rows,
      seconds,
    })),
    failed: done.failed.map(({ collection: name, code, reason }) => ({ collection: name, code, reason })),
  };
};
