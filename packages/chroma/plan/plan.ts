import type { Collection } from "@cairn/core/collection/collection.ts";
import type { Database } from "@cairn/core/database/database.ts";
import type { Embedders } from "@cairn/core/embedding/embedder.ts";
import type { SourceCollection } from "../source/source.ts";
import { decideVectors, type VectorChoice } from "./decide.ts";
import { assertNamesExist } from "./names.ts";
import type { PlanOptions } from "./options.ts";
import { compilePattern, DEFAULT_PATTERN, matchesGlobs, type Place } from "./pattern.ts";
import { readTargets } from "./targets.ts";

/** What is to happen to one source collection. */
export interface PlannedCollection extends VectorChoice {
  readonly source: SourceCollection;
  readonly place: Place;
  /** The target as it is now; undefined where it is yet to be made. */
  readonly target: Collection | undefined;
}

/** A collection that cannot go as things stand, and the way out. */
export interface Misfit {
  readonly source: SourceCollection;
  readonly problem: string;
}

export interface Plan {
  readonly collections: readonly PlannedCollection[];
  readonly misfits: readonly Misfit[];
  /** Left out by `--only` or by a null in the mapping. */
  readonly skipped: readonly SourceCollection[];
}

/**
 * Decides where every source collection goes and how its vectors come to be. Reads both sides, writes nothing.
 * Throws `invalid_input` where the options name a collection that is not among the sources.
 */
export async function planMigration(
  sources: readonly SourceCollection[],
  database: Database | undefined,
  embedders: Embedders,
  options: PlanOptions,
): Promise<Plan> {
  assertNamesExist(sources, options);
  const place = placeFinder(options);
  const skipped: SourceCollection[] = [];
  const misfits: Misfit[] = [];
  const placed: { source: SourceCollection; place: Place }[] = [];
  for (const source of sources) {
    const found = matchesGlobs(source.name, options.only ?? []) ? place(source) : null;
    if (found === null) skipped.push(source);
    else if (found === undefined) misfits.push({ source, problem: noPlace(source, options) });
    else placed.push({ source, place: found });
  }
  const targets = await readTargets(
    database,
    placed.map(({ place }) => place),
  );
  const collections: PlannedCollection[] = [];
  const taken = new Map<string, SourceCollection>();
  for (const { source, place } of placed) {
    const key = JSON.stringify([place.tenant, place.collection]);
    const other = taken.get(key);
    const target = targets.get(key);
    const choice = decideVectors(source, target, embedders, options);
    if (other) misfits.push({ source, problem: collision(source, other, place) });
    else if ("problem" in choice) misfits.push({ source, problem: choice.problem });
    else collections.push({ source, place, target: target?.collection, ...choice });
    taken.set(key, other ?? source);
  }
  return { collections, misfits, skipped };
}

/** Null: left out on purpose. Undefined: nothing says where it goes. */
function placeFinder(options: PlanOptions): (source: SourceCollection) => Place | null | undefined {
  const matchers = (options.patterns?.length ? options.patterns : [DEFAULT_PATTERN]).map((pattern) =>
    compilePattern(pattern, options.tenant),
  );
  const mapping = new Map(Object.entries(options.mapping ?? {}));
  return (source) => {
    const full = `${source.tenant}/${source.database}/${source.name}`;
    const mapped = mapping.get(full) ?? (mapping.has(full) ? null : mapping.get(source.name));
    if (mapped !== undefined) return mapped;
    for (const matcher of matchers) {
      const place = matcher(source);
      if (place) return place;
    }
    return undefined;
  };
}

function noPlace({ name }: SourceCollection, { patterns }: PlanOptions): string {
  return (
    `The name ${JSON.stringify(name)} does not match ${(patterns?.length ? patterns : [DEFAULT_PATTERN]).join(" or ")}, so its tenant is not known. ` +
    `Say where it goes with --map (${JSON.stringify({ [name]: { tenant: "acme", collection: "faq" } })}), with another --pattern ` +
    `(--pattern '{collection}' --tenant acme), or leave it out with --only or "${name}": null in the mapping.`
  );
}

function collision(source: SourceCollection, other: SourceCollection, place: Place): string {
  return (
    `It would go to collection ${place.collection} of tenant ${place.tenant}, as ${other.tenant}/${other.database}/${other.name} does. ` +
    `Give one of them another place with --map ({"${source.tenant}/${source.database}/${source.name}": {"tenant": …, "collection": …}}).`
  );
}
