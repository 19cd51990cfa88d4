import type { Database } from "@cairn/core/database/database.ts";
import { countDocuments } from "@cairn/core/document/count.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Tenant } from "@cairn/core/tenant/tenant.ts";
import type { Source } from "../source/source.ts";
import type { ChromaTarget } from "../target/target.ts";
import { assertNotFollowing } from "./assert-not-following.ts";
import { leaveOut, writeCollection } from "./collection.ts";
import type { BackContext, BackProgress } from "./context.ts";
import { withTenantLease } from "./lease.ts";
import { type BackPlanOptions, type PlannedBack, planBack } from "./plan.ts";
import { type BackReport, type LeftOutDocument, MAX_LISTED, sumTotals, worstVerdict } from "./report.ts";
import { findUnfit } from "./unfit.ts";

export interface MigrateBackOptions extends BackPlanOptions {
  /** Deletes records that only Chroma has. Default false: they are counted. */
  readonly prune?: boolean;
  /** Leaves out documents that Chroma cannot hold. Default false: the run is refused before it writes. */
  readonly skipDocuments?: boolean;
  /** Parts of a collection that are compared at the same time, after the first pass. Default 2. */
  readonly concurrency?: number;
  /** Name of the database in the report: host and database, or folder. */
  readonly databaseName: string;
  readonly cairnVersion: string;
  /** Called before anything is written. */
  readonly onPlan?: (plan: BackPlan) => void;
  readonly onProgress?: (progress: BackProgress) => void;
  readonly signal?: AbortSignal;
}

/** What a run does, and the documents that it leaves out. */
export interface BackPlan {
  readonly collections: readonly PlannedBack[];
  /** The first documents that Chroma cannot hold. */
  readonly leftOut: readonly LeftOutDocument[];
  /** Their number. */
  readonly leftOutCount: number;
}

interface Sides {
  readonly database: Database;
  readonly source: Source;
  readonly target: ChromaTarget;
}

/**
 * Writes the data of one tenant to a Chroma server, for example one that has stopped following. Compares first and writes only
 * what differs, so it continues a run that was interrupted. Ends with a pass that compares everything in both directions and
 * writes nothing. Throws `invalid_input` before anything is written if a collection has no place in Chroma, or if Chroma cannot
 * hold a document and `skipDocuments` is not set; `run_held`; `source_unavailable`, after which the run can be repeated.
 */
export async function migrateBack(sides: Sides, tenant: Tenant, options: MigrateBackOptions): Promise<BackReport> {
  const started = performance.now();
  const { database, target } = sides;
  await database.vectorTypes();
  await assertNotFollowing(database, tenant);
  return withTenantLease(database, tenant.id, async (leaseLost) => {
    const context = createContext(sides, tenant, { ...options, signal: anySignal(options.signal, leaseLost) });
    const collections = await planBack(database, tenant, { ...options, target });
    const plan = { collections, ...(await listUnfit(context, collections)) };
    options.onPlan?.(plan);
    if (plan.leftOutCount > 0 && !context.skipDocuments) throw unfitDocuments(plan);
    const outcomes = [];
    for (const planned of collections) outcomes.push(await writeCollection(context, planned));
    const reports = outcomes.map(({ report }) => report);
    return {
      version: 1,
      kind: "migrate_back",
      createdAt: new Date().toISOString(),
      cairnVersion: options.cairnVersion,
      database: { kind: database.kind, name: options.databaseName },
      tenant: { id: tenant.id, name: tenant.name },
      chroma: { url: target.url },
      verdict: worstVerdict(reports.map(({ verdict }) => verdict)),
      seconds: (performance.now() - started) / 1000,
      totals: { collections: reports.length, ...sumTotals(reports) },
      collections: reports,
      leftOut: outcomes.flatMap(({ leftOut }) => leftOut).slice(0, MAX_LISTED),
    };
  });
}

function anySignal(signal: AbortSignal | undefined, leaseLost: AbortSignal): AbortSignal {
  return signal ? AbortSignal.any([signal, leaseLost]) : leaseLost;
}

function createContext(sides: Sides, { id }: Tenant, options: MigrateBackOptions): BackContext {
  const { concurrency = 2, prune = false, skipDocuments = false, onProgress = () => {}, signal } = options;
  return {
    ...sides,
    concurrency,
    prune,
    skipDocuments,
    onProgress,
    signal,
    countDocuments: async (collection) =>
      (await countDocuments(sides.database, id, { collection: collection.id })).documents,
  };
}

async function listUnfit(
  context: BackContext,
  collections: readonly PlannedBack[],
): Promise<Pick<BackPlan, "leftOut" | "leftOutCount">> {
  const leftOut: LeftOutDocument[] = [];
  let leftOutCount = 0;
  for (const planned of collections)
    for await (const found of findUnfit(context, planned)) {
      context.signal?.throwIfAborted();
      leftOutCount += found.length;
      leftOut.push(...found.slice(0, MAX_LISTED - leftOut.length).map((one) => leaveOut(planned.cairn.name, one)));
    }
  return { leftOut, leftOutCount };
}

/** Documents that the message of a refusal names. */
const MAX_NAMED = 10;

function unfitDocuments({ leftOut, leftOutCount }: BackPlan): AppError {
  const named = leftOut
    .slice(0, MAX_NAMED)
    .map(({ collection, id, detail }) => `${collection}  ${JSON.stringify(id.slice(0, 80))}  ${detail}`);
  const more = leftOutCount > MAX_NAMED ? `\n… and ${leftOutCount - MAX_NAMED} more` : "";
  return new AppError(
    "invalid_input",
    `Nothing was written, because Chroma cannot hold ${leftOutCount === 1 ? "a document" : `${leftOutCount} documents`}:\n${named.join("\n")}${more}\nUse --skip-documents to leave them out.`,
    { path: "--skip-documents" },
  );
}
