import { AppError, type ErrorCode } from "@cairn/core/error.ts";
import type { Services } from "@cairn/core/services.ts";
import type { FailedCollection } from "../ledger/failures.ts";
import type { PlannedCollection } from "../plan/plan.ts";
import { ChromaFault } from "../source/client.ts";
import { PageTooLarge, type Source } from "../source/source.ts";

/** Faults of the database as a whole, of the run or of the service: no collection can go on. */
const OF_THE_RUN: ReadonlySet<ErrorCode> = new Set([
  "run_held",
  "database_unavailable",
  "database_exhausted",
  "schema_outdated",
  "unsafe_role",
]);

/** SQLSTATEs of the same kind: a missing privilege, the server's machine, its configuration. */
const OF_THE_SERVER = /^(42501|58|F0)/;

/** Faults of a model's server, perhaps whoever asks it. */
const OF_THE_MODEL: ReadonlySet<ErrorCode> = new Set([
  "embedder_unavailable",
  "embedding_failed",
  "embedding_quota",
]);

/** Other collections that are read to tell a fault of one from a fault of the whole Chroma server. */
const MAX_WITNESSES = 3;

export interface FailureContext {
  /** Left out where nothing is embedded. */
  readonly services?: Pick<Services, "embedders">;
  readonly source: Source;
  /** Records a request. */
  readonly pageSize: number;
  /** Aborted where the run is to stop. */
  readonly signal?: AbortSignal | undefined;
}

export interface FailureJudge {
  /** Throws what an earlier collection has shown to be broken and this one needs, too: its model. */
  assertPossible(planned: PlannedCollection): void;
  /** Tells that a collection can be read and written: others know by it that Chroma works. */
  succeeded(planned: PlannedCollection): void;
  /** The failure of one collection, where the others can go on; throws the error where they cannot. */
  judge(planned: PlannedCollection, error: unknown): Promise<FailedCollection>;
}

/**
 * Decides whether an error is of one collection alone. A fault of Chroma's, and one of no known kind, is the
 * collection's own where the server still gives the records of another; a fault of a model's server stops those that
 * need the model. What is left is told by the error's code.
 */
export function createFailureJudge(
  { services, source, pageSize, signal }: FailureContext,
  collections: readonly PlannedCollection[],
): FailureJudge {
  const failed = new Set<string>();
  const succeeded = new Set<string>();
  const brokenModels = new Map<string, AppError>();

  async function findWitness(planned: PlannedCollection): Promise<boolean> {
    const others = collections.filter(({ source: { id } }) => id !== planned.source.id && !failed.has(id));
    const known = others.filter(({ source: { id } }) => succeeded.has(id));
    const unknown = others.filter(({ source: { id } }) => !succeeded.has(id));
    for (const other of [...known, ...unknown].slice(0, MAX_WITNESSES)) {
      signal?.throwIfAborted();
      if (await canRead(source, other, pageSize)) return true;
    }
    return false;
  }

  async function judgeModel({ model, dimensions }: PlannedCollection, error: AppError): Promise<void> {
    if (!services || model === null || brokenModels.has(model)) return;
    if (!(await failsAltogether(services, { model, dimensions }, error))) return;
    brokenModels.set(model, error);
    if (!collections.some((other) => !needs(other, model))) throw error;
  }

  return {
    assertPossible({ vectors, model }) {
      const broken = vectors === "embed" && model !== null ? brokenModels.get(model) : undefined;
      if (broken) throw broken;
    },
    succeeded({ source: { id } }) {
      failed.delete(id);
      succeeded.add(id);
    },
    async judge(planned, error) {
      signal?.throwIfAborted();
      if (isOfTheRun(error)) throw error;
      if (error instanceof AppError && OF_THE_MODEL.has(error.code)) await judgeModel(planned, error);
      else if (mayBeOfChroma(error) && !(await findWitness(planned))) throw error;
      failed.add(planned.source.id);
      const { id, tenant, database, name } = planned.source;
      return { source: { id, tenant, database, name }, ...explain(error) };
    },
  };
}

function needs({ vectors, model }: PlannedCollection, broken: string): boolean {
  return vectors === "embed" && model === broken;
}

function isOfTheRun(error: unknown): boolean {
  if (!(error instanceof AppError)) return false;
  const { sqlstate } = (error.cause ?? {}) as { readonly sqlstate?: string };
  const refusedLogin = error.cause instanceof ChromaFault && error.cause.status === 401;
  return OF_THE_RUN.has(error.code) || refusedLogin || OF_THE_SERVER.test(sqlstate ?? "");
}

/** Whether an error may come from the whole server: one of Chroma's, or one of no known kind. */
function mayBeOfChroma(error: unknown): boolean {
  return (
    !(error instanceof AppError) || error.code === "source_unavailable" || error.code === "source_invalid"
  );
}

/** Whether the server gives the first page of a collection, as a migration reads it. */
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

/** A plain word, to tell a model's server that is at fault from a text that is. */
const WORD = "hello";

async function failsAltogether(
  { embedders }: Pick<Services, "embedders">,
  { model, dimensions }: { readonly model: string; readonly dimensions: number | null },
  { code }: AppError,
): Promise<boolean> {
  if (code !== "embedding_failed") return true;
  const size = dimensions ?? embedders.default?.dimensions;
  if (size === undefined) return true;
  try {
    await embedders.get(model).embed([WORD], { dimensions: size });
    return false;
  } catch (error) {
    return error instanceof AppError && OF_THE_MODEL.has(error.code);
  }
}

/** An unknown error's message may quote a document: its name and its place in the code are told instead. */
function explain(error: unknown): Pick<FailedCollection, "code" | "detail"> {
  if (error instanceof AppError) return { code: error.code, detail: error.message };
  const { name, stack = "" } = error instanceof Error ? error : new Error();
  const place = /([\w.-]+:\d+):\d+\)?$/m.exec(stack)?.[1];
  return {
    code: "internal",
    detail: `Something went wrong that should not: ${name}${place ? ` at ${place}` : ""}. If it stays, report it.`,
  };
}
