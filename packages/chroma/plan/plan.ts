import type { Collection } from "@cairn/core/collection/collection.ts";
import { MODEL_NAME } from "@cairn/core/collection/create.ts";
import type { Database } from "@cairn/core/database/database.ts";
import type { JsonObject } from "@cairn/core/database/json.ts";
import type { Embedders } from "@cairn/core/embedding/embedder.ts";
import { labelCollections, pathOf } from "../source/label.ts";
import type { SourceCollection } from "../source/source.ts";
import { decideVectors, type VectorChoice } from "./decide.ts";
import { type DeletedTarget, explainDeleted, findPlacements } from "./earlier.ts";
import { assertModelNames } from "./model-names.ts";
import type { PlanOptions } from "./options.ts";
import { matchesGlobs, type Place } from "./pattern.ts";
import { createPlaceFinder } from "./place.ts";
import { type FilledFrom, readTargets, type Target, type Targets } from "./targets.ts";

/** What is to happen to one source collection. */
export interface PlannedCollection extends VectorChoice {
  readonly source: SourceCollection;
  readonly place: Place;
  /** The target as it is now; undefined where it is yet to be made. */
  readonly target: Collection | undefined;
  /** What the user should know and settle later. */
  readonly notice?: string;
  /** The collection's metadata as an earlier run wrote it; undefined where none did. */
  readonly writtenMetadata?: JsonObject;
  /** Chroma's distances are of no metric that there is. */
  readonly metricUnproven?: boolean;
}

/** A collection that cannot go as things stand, and the way out. */
export interface UnmappedCollection {
  readonly source: SourceCollection;
  readonly problem: string;
  /** Whether nothing may be migrated before it is settled. Otherwise the others go, and the report lists it. */
  readonly blocking: boolean;
}

export interface Plan {
  readonly collections: readonly PlannedCollection[];
  readonly unmapped: readonly UnmappedCollection[];
  /** Left out by `--only` or by a null in the mapping. */
  readonly skipped: readonly SourceCollection[];
  /** Migrated by an earlier run and deleted in Cairn since: they stay deleted. */
  readonly deleted: readonly DeletedTarget[];
}

interface Placed {
  readonly source: SourceCollection;
  readonly place: Place;
}

/**
 * Decides where every source collection goes and how its vectors come to be. Reads Postgres, writes nothing.
 * Throws `invalid_input` for a pattern or a model name that cannot be used.
 */
export async function planMigration(
  sources: readonly SourceCollection[],
  database: Database | undefined,
  embedders: Embedders,
  options: PlanOptions,
): Promise<Plan> {
  assertModelNames(options);
  const label = labelCollections(sources);
  const findPlace = createPlaceFinder(options, label);
  const skipped: SourceCollection[] = [];
  const unmapped: UnmappedCollection[] = [];
  const placed: Placed[] = [];
  for (const source of sources) {
    const found = matchesGlobs(source.name, options.only ?? []) ? findPlace(source) : null;
    if (found === null) skipped.push(source);
    else if ("problem" in found) unmapped.push({ source, problem: found.problem, blocking: true });
    else placed.push({ source, place: found });
  }
  const targets = await readTargets(
    database,
    placed.map(({ place }) => place),
  );
  const placements = await findPlacements(database, placed, options);
  const deleted: DeletedTarget[] = [];
  const collections: PlannedCollection[] = [];
  const taken = new Map<string, SourceCollection>();
  for (const one of placed) {
    const { source, place } = one;
    const earlier = placements.get(source.id);
    if (earlier?.gone && !options.discardChanges) {
      deleted.push({ source, detail: explainDeleted(earlier.gone, place) });
      continue;
    }
    const target = earlier?.collection ? targets.of(earlier.collection) : targets.get(place);
    const key = target?.collection.id ?? targets.keyOf(place);
    const conflict = findConflict(one, { other: taken.get(key), targets, target, sources, options });
    const choice = conflict ?? decideVectors(source, target, embedders, options);
    if ("problem" in choice)
      unmapped.push({ source, problem: choice.problem, blocking: !("unsupported" in choice) });
    else {
      const notice = noticeModel(source, choice, label(source));
      const writtenMetadata = earlier?.metadata;
      const more = { ...choice, writtenMetadata, ...(notice && { notice }) };
      collections.push({ source, place, target: target?.collection, ...more });
    }
    taken.set(key, taken.get(key) ?? source);
  }
  return { collections, unmapped, skipped, deleted };
}

function noticeModel(
  { unusableModel = null }: SourceCollection,
  { vectors, model }: VectorChoice,
  label: string,
): string | undefined {
  if (unusableModel === null || vectors !== "copy" || model !== null) return undefined;
  return (
    `${label}: Chroma calls its model ${JSON.stringify(unusableModel)}, and a model's name has ${MODEL_NAME}. ` +
    "Its vectors are copied with an unknown model, and queries by text are refused until: cairn collections set-model"
  );
}

interface PlaceContext {
  /** The source collection of this run that has the place already. */
  readonly other: SourceCollection | undefined;
  readonly targets: Targets;
  readonly target: Target | undefined;
  readonly sources: readonly SourceCollection[];
  readonly options: PlanOptions;
}

/** Why a collection cannot have its place: another one has it, in this run or since an earlier one. */
function findConflict(
  { source, place }: Placed,
  { other, targets, target, sources, options }: PlaceContext,
): { readonly problem: string } | undefined {
  const where = `collection ${place.collection} of tenant ${place.tenant}`;
  const elsewhere = `Give one of them another place with --map ({${JSON.stringify(pathOf(source))}: {"tenant": …, "collection": …}})`;
  if (other) return { problem: `It would go to ${where}, as ${pathOf(other)} does. ${elsewhere}.` };
  const namesake = targets.namesake(place);
  if (namesake)
    return {
      problem: `It would go to ${where}, and that is the id of the tenant's collection ${JSON.stringify(namesake.name)}. ${elsewhere}.`,
    };
  const owner = target?.filledFrom;
  if (owner && owner.id !== source.id && pathOf(owner) !== pathOf(source) && !isGone(owner, sources, options))
    return {
      problem: `It would go to ${where}, which holds what was migrated from ${pathOf(owner)}. ${elsewhere}, or delete the target first: cairn collections delete.`,
    };
  return undefined;
}

/** Whether Chroma has a collection no longer, as far as what was listed can tell. */
function isGone(owner: FilledFrom, sources: readonly SourceCollection[], { scope }: PlanOptions): boolean {
  if (sources.some(({ id }) => id === owner.id)) return false;
  const tenants = scope?.tenants?.length ? scope.tenants : sources.map(({ tenant }) => tenant);
  const listsDatabase = !scope?.databases?.length || scope.databases.includes(owner.database);
  return tenants.includes(owner.tenant) && listsDatabase;
}
