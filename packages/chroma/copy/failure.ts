import { AppError, type ErrorCode } from "@cairn/core/error.ts";
import type { Services } from "@cairn/core/services.ts";
import type { FailedCollection } from "../ledger/failures.ts";
import type { PlannedCollection } from "../plan/plan.ts";
import { ChromaError } from "../source/client.ts";
import { PageTooLarge, type Source } from "../source/source.ts";

/** Errors of the database, the run or the service: no collection can continue. */
const RUN_ERRORS: ReadonlySet<ErrorCode> = new Set([
  "run_held",
  "database_unavailable",
  "database_exhausted",
  "schema_outdated",
  "unsafe_role",
]);

/** SQLSTATEs that affect all collections: missing privilege, system errors, configuration file errors. */
const SERVER_SQLSTATES = /^(42501|58|F0)/;

/** Errors of a model's server, which may affect every collection that uses the model. */
const MODEL_ERRORS: ReadonlySet<ErrorCode> = new Set(["embedder_unavailable", "embedding_failed", "embedding_quota"]);

/** Other collections that are read to distinguish the failure of one collection from a failure of the Chroma server. */
const MAX_PROBED_COLLECTIONS = 3;

export interface FailureContext {
  /** Omitted if nothing is embedded. */
  readonly services?: Pick<Services, "embedders">;
  readonly source: Source;
  /** Records in one request. */
  readonly pageSize: number;
  /** Aborted when the run stops. */
  readonly signal?: AbortSignal | undefined;
}

export type FailureClassifier = ReturnType<typeof createFailureClassifier>;

/**
 * Decides whether an error affects one collection or the complete run. An error of Chroma, or of an unknown kind, is the
 * collection's own if the server still returns the records of another collection. An error of a model's server stops
 * the collections that need the model. All other errors are classified by their code.
 */
export function createFailureClassifier(
  { services, source, pageSize, signal }: FailureContext,
  collections: readonly PlannedCollection[],
) {
  const failed = new Set<string>();
  const succeeded = new Set<string>();
  const brokenModels = new Map<string, AppError>();

  async function canReadAnother(planned: PlannedCollection): Promise<boolean> {
    const others = collections.filter(({ source: { id } }) => id !== planned.source.id && !failed.has(id));
    const readable = others.filter(({ source: { id } }) => succeeded.has(id));
    const untested = others.filter(({ source: { id } }) => !succeeded.has(id));
    for (const other of [...readable, ...untested].slice(0, MAX_PROBED_COLLECTIONS)) {
      signal?.throwIfAborted();
      if (await canRead(source, other, pageSize)) return true;
    }
    return false;
  }

  async function checkModel({ model, dimensions }: PlannedCollection, error: AppError): Promise<void> {
    if (!services || model === null || brokenModels.has(model)) return;
    if (!(await isModelDown(services, { model, dimensions }, error))) return;
    brokenModels.set(model, error);
    if (!collections.some((other) => !needsModel(other, model))) throw error;
  }

  return {
    /** Throws the error of the collection's model if the model has failed for an earlier collection. */
    assertModelWorks({ vectors, model }: PlannedCollection): void {
      const broken = vectors === "embed" && model !== null ? brokenModels.get(model) : undefined;
      if (broken) throw broken;
    },
    /** Records that a collection was read and written, which shows that Chroma works. */
    recordSuccess({ source: { id } }: PlannedCollection): void {
      failed.delete(id);
      succeeded.add(id);
    },
    /** Returns the failure of one collection if the others can continue. Otherwise throws the error. */
    async classify(planned: PlannedCollection, error: unknown): Promise<FailedCollection> {
      signal?.throwIfAborted();
      if (isRunError(error)) throw error;
      if (error instanceof AppError && MODEL_ERRORS.has(error.code)) await checkModel(planned, error);
      else if (mayBeServerError(error) && !(await canReadAnother(planned))) throw error;
      failed.add(planned.source.id);
      const { id, tenant, database, name } = planned.source;
      return { source: { id, tenant, database, name }, ...describeError(error) };
    },
  };
}

function needsModel({ vectors, model }: PlannedCollection, broken: string): boolean {
  return vectors === "embed" && model === broken;
}

function isRunError(error: unknown): boolean {
  if (!(error instanceof AppError)) return false;
  const { sqlstate } = (error.cause ?? {}) as { readonly sqlstate?: string };
  const refusedLogin = error.cause instanceof ChromaError && error.cause.status === 401;
  return RUN_ERRORS.has(error.code) || refusedLogin || SERVER_SQLSTATES.test(sqlstate ?? "");
}

/** Whether an error may affect the complete Chroma server: an error of Chroma, or of an unknown kind. */
function mayBeServerError(error: unknown): boolean {
  return !(error instanceof AppError) || error.code === "source_unavailable" || error.code === "source_invalid";
}

/** Whether the server returns the first page of a collection. */
async function canRead(
  source: Source,
  { source: collection, vectors }: PlannedCollection,
  pageSize: number,
): Promise<boolean> {
  try {
    const ids = await source.listIds(collection, { offset: 0, limit: pageSize });
    if (ids.length > 0) await source.getRecords(collection, ids, { embeddings: vectors === "copy" });
    return true;
  } catch (error) {
    return error instanceof PageTooLarge;
  }
}

/** A plain text that distinguishes a failing model server from a text that the model refuses. */
const PROBE_TEXT = "hello";

async function isModelDown(
  { embedders }: Pick<Services, "embedders">,
  { model, dimensions }: { readonly model: string; readonly dimensions: number | null },
  { code }: AppError,
): Promise<boolean> {
  if (code !== "embedding_failed") return true;
  const size = dimensions ?? embedders.default?.dimensions;
  if (size === undefined) return true;
  try {
    await embedders.get(model).embed([PROBE_TEXT], { dimensions: size });
    return false;
  } catch (error) {
    return error instanceof AppError && MODEL_ERRORS.has(error.code);
  }
}

/** Describes an error. The message of an unknown error may quote a document, so its name and code location are used instead. */
function describeError(error: unknown): Pick<FailedCollection, "code" | "detail"> {
  if (error instanceof AppError) return { code: error.code, detail: error.message };
  const { name, stack = "" } = error instanceof Error ? error : new Error();
  const location = /([\w.-]+:\d+):\d+\)?$/m.exec(stack)?.[1];
  return {
    code: "internal",
    detail: `Internal error: ${name}${location ? ` at ${location}` : ""}. If it persists, report it.`,
  };
}
