import type { Collection } from "@cairn/core/collection/collection.ts";
import { MODEL_NAME } from "@cairn/core/collection/create.ts";
import type { Database } from "@cairn/core/database/database.ts";
import type { JsonObject } from "@cairn/core/database/json.ts";
import type { Embedders } from "@cairn/core/embedding/embedder.ts";
import { pathOf } from "../protocol/path.ts";
import { matchesGlobs, type TargetPath } from "../protocol/pattern.ts";
import { createTargetFinder } from "../protocol/target-path.ts";
import { labelCollections } from "../source/label.ts";
import type { SourceCollection } from "../source/source.ts";
import { decideVectors, type VectorChoice } from "./decide.ts";
import { type DeletedTarget, explainDeleted, readEarlierPlacements } from "./earlier-runs.ts";
import { assertModelNames } from "./model-names.ts";
import type { PlanOptions } from "./options.ts";
import { adviseTarget } from "./target-advice.ts";
import { type MigratedSource, readTargets, type Target, type Targets } from "./targets.ts";

/** The plan for one source collection. */
export interface PlannedCollection extends VectorChoice {
  readonly source: SourceCollection;
  readonly targetPath: TargetPath;
  /** The existing target; undefined if it has to be created. */
  readonly target: Collection | undefined;
  /** A notice for the user, to resolve later. */
  readonly notice?: string;
  /** The collection's metadata as an earlier run wrote it; undefined if none did. */
  readonly writtenMetadata?: JsonObject;
  /** Chroma's distances match no known metric. */
  readonly metricUnconfirmed?: boolean;
}

/** A collection that cannot be migrated, with the reason and what to do. */
export interface UnmappedCollection {
  readonly source: SourceCollection;
  readonly problem: string;
  /** Whether the problem stops the migration. Otherwise the others are migrated, and the report lists this one. */
  readonly blocking: boolean;
}

export interface Plan {
  readonly collections: readonly PlannedCollection[];
  readonly unmapped: readonly UnmappedCollection[];
  /** Left out by `--only` or by a null in the mapping. */
  readonly skipped: readonly SourceCollection[];
  /** Migrated by an earlier run and deleted in Cairn since. They stay deleted. */
  readonly deleted: readonly DeletedTarget[];
}

interface MappedCollection {
  readonly source: SourceCollection;
  readonly targetPath: TargetPath;
}

/**
 * Decides the target of every source collection, and whether its vectors are copied or embedded. Reads Postgres and
 * writes nothing. Throws `invalid_input` for a pattern or a model name that cannot be used.
 */
export async function planMigration(
  sources: readonly SourceCollection[],
  database: Database | undefined,
  embedders: Embedders,
  options: PlanOptions,
): Promise<Plan> {
  assertModelNames(options);
  const label = labelCollections(sources);
  const findTarget = createTargetFinder(options);
  const skipped: SourceCollection[] = [];
  const unmapped: UnmappedCollection[] = [];
  const mapped: MappedCollection[] = [];
  for (const source of sources) {
    const result = matchesGlobs(source.name, options.only ?? []) ? findTarget(source) : null;
    if (result === null) skipped.push(source);
    else if ("problem" in result)
      unmapped.push({ source, problem: adviseTarget(result, label(source)), blocking: true });
    else mapped.push({ source, targetPath: result });
  }
  const targets = await readTargets(
    database,
    mapped.map(({ targetPath }) => targetPath),
  );
  const placements = await readEarlierPlacements(database, mapped, options);
  const deleted: DeletedTarget[] = [];
  const collections: PlannedCollection[] = [];
  const taken = new Map<string, SourceCollection>();
  for (const collection of mapped) {
    const { source, targetPath } = collection;
    const earlier = placements.get(source.id);
    if (earlier?.deleted && !options.discardChanges) {
      deleted.push({ source, detail: explainDeleted(earlier.deleted, targetPath) });
      continue;
    }
    const target = earlier?.collection ? targets.describe(earlier.collection) : targets.get(targetPath);
    const key = target?.collection.id ?? targets.keyOf(targetPath);
    const conflict = findConflict(collection, { other: taken.get(key), targets, target, sources, options });
    const choice = conflict ?? decideVectors(source, target, embedders, options);
    if ("problem" in choice) unmapped.push({ source, problem: choice.problem, blocking: !("unsupported" in choice) });
    else {
      const notice = describeUnusableModel(source, choice, label(source));
      const writtenMetadata = earlier?.metadata;
      const details = { ...choice, writtenMetadata, ...(notice && { notice }) };
      collections.push({ source, targetPath, target: target?.collection, ...details });
    }
    taken.set(key, taken.get(key) ?? source);
  }
  return { collections, unmapped, skipped, deleted };
}

function describeUnusableModel(
  { unusableModel = null }: SourceCollection,
  { vectors, model }: VectorChoice,
  label: string,
): string | undefined {
  if (unusableModel === null || vectors !== "copy" || model !== null) return undefined;
  return (
    `${label}: Chroma names its model ${JSON.stringify(unusableModel)}, but a model name has ${MODEL_NAME}. ` +
    "Its vectors are copied with an unknown model. Queries by text are refused until cairn collections set-model names it."
  );
}

interface ConflictContext {
  /** The source collection of this run that has the same target. */
  readonly other: SourceCollection | undefined;
  readonly targets: Targets;
  readonly target: Target | undefined;
  readonly sources: readonly SourceCollection[];
  readonly options: PlanOptions;
}

/** Why a collection cannot have its target: another collection has it, in this run or since an earlier run. */
function findConflict(
  { source, targetPath }: MappedCollection,
  { other, targets, target, sources, options }: ConflictContext,
): { readonly problem: string } | undefined {
  const where = `collection ${targetPath.collection} of tenant ${targetPath.tenant}`;
  const advice = `Map one of them to another target with --map ({${JSON.stringify(pathOf(source))}: {"tenant": …, "collection": …}})`;
  if (other)
    return {
      problem: `Its target would be ${where}, which is also the target of ${pathOf(other)}. ${advice}.`,
    };
  const idCollision = targets.findIdCollision(targetPath);
  if (idCollision)
    return {
      problem: `Its target would be ${where}, but that is the id of the tenant's collection ${JSON.stringify(idCollision.name)}. ${advice}.`,
    };
  const owner = target?.migratedFrom;
  if (
    owner &&
    owner.id !== source.id &&
    pathOf(owner) !== pathOf(source) &&
    !isDeletedInChroma(owner, sources, options)
  )
    return {
      problem: `Its target would be ${where}, which contains the records migrated from ${pathOf(owner)}. ${advice}, or delete the target first: cairn collections delete.`,
    };
  return undefined;
}

/** Whether a collection was deleted in Chroma, as far as the listed collections show. */
function isDeletedInChroma(
  owner: MigratedSource,
  sources: readonly SourceCollection[],
  { scope }: PlanOptions,
): boolean {
  if (sources.some(({ id }) => id === owner.id)) return false;
  const tenants = scope?.tenants?.length ? scope.tenants : sources.map(({ tenant }) => tenant);
  const listsDatabase = !scope?.databases?.length || scope.databases.includes(owner.database);
  return tenants.includes(owner.tenant) && listsDatabase;
}
