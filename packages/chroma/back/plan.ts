import type { Collection } from "@cairn/core/collection/collection.ts";
import { listCollections } from "@cairn/core/collection/get.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Tenant } from "@cairn/core/tenant/tenant.ts";
import { invertPattern } from "../protocol/invert-pattern.ts";
import type { Mapping } from "../protocol/mapping.ts";
import { CHROMA_DEFAULTS, type ChromaPath, pathOf } from "../protocol/path.ts";
import { DEFAULT_PATTERN, matchesGlobs } from "../protocol/pattern.ts";
import { assertName } from "../server/collection/name.ts";
import { ChromaError } from "../server/error.ts";
import type { SourceCollection } from "../source/source.ts";
import type { ChromaTarget } from "../target/target.ts";
import { type PathOrigin, readRecordedPaths } from "./recorded-paths.ts";

export interface BackPlanOptions {
  /** Tried in order for collections without a recorded path. Default `tenant_{tenant}_{collection}`. */
  readonly patterns?: readonly string[];
  /** Paths in Chroma with their targets. Applied before everything else. */
  readonly mapping?: Mapping;
  /** Names of the collections in Cairn; `*` matches any text. Default: all. */
  readonly only?: readonly string[];
}

/** A collection with its place in Chroma. */
export interface PlannedBack {
  readonly cairn: Collection;
  readonly path: ChromaPath;
  readonly origin: PathOrigin | "mapping" | "pattern";
  /** The collection as it is in Chroma. Undefined: it is created. */
  readonly existing: SourceCollection | undefined;
}

/**
 * Where a tenant's collections go in Chroma. Throws `invalid_input`, with all reasons, if one has no place there, if two have the
 * same, or if what Chroma has there cannot become equal.
 */
export async function planBack(
  database: Database,
  tenant: Tenant,
  { target, ...options }: BackPlanOptions & { readonly target: ChromaTarget },
): Promise<readonly PlannedBack[]> {
  const recorded = await readRecordedPaths(database, tenant.id, target.url);
  const collections = (await listCollections(database, tenant.id)).filter(
    ({ replacedBy, name }) => replacedBy === null && matchesGlobs(name, options.only ?? []),
  );
  if (collections.length === 0) throw nothingToWrite(tenant, options);
  const planned: PlannedBack[] = [];
  const problems: string[] = [];
  for (const cairn of collections) {
    const place = findPlace(cairn, tenant, options) ?? recorded.get(cairn.lineage) ?? invert(cairn, tenant, options);
    if (place === undefined) {
      problems.push(`${cairn.name}: no path in Chroma is known, and no pattern names it. Use --map.`);
      continue;
    }
    const existing = await target.findCollection(place.path, place.path.name);
    const problem = findProblem(cairn, { ...place, existing, planned });
    if (problem) problems.push(`${cairn.name}: ${problem}`);
    planned.push({ cairn, ...place, existing });
  }
  if (problems.length === 0) return planned;
  throw new AppError("invalid_input", `Nothing was written. ${describeProblems(problems)}`, { path: "--map" });
}

type Place = Pick<PlannedBack, "path" | "origin">;

/** The place that the mapping gives a collection. */
function findPlace({ name }: Collection, { id, name: tenantName }: Tenant, { mapping }: BackPlanOptions) {
  const isTarget = (target: Mapping[string]) =>
    target?.collection === name && (target.tenant === id || target.tenant === tenantName);
  const [key] = Object.entries(mapping ?? {}).find(([, target]) => isTarget(target)) ?? [];
  if (key === undefined) return undefined;
  const [tenant, chromaDatabase, ...rest] = key.split("/");
  const path =
    tenant && chromaDatabase && rest.length > 0
      ? { tenant, database: chromaDatabase, name: rest.join("/") }
      : { ...CHROMA_DEFAULTS, name: key };
  return { path, origin: "mapping" } satisfies Place;
}

/** The place that the first pattern gives a collection that names it, by the tenant's name or its id. */
function invert({ name }: Collection, tenant: Tenant, { patterns }: BackPlanOptions): Place | undefined {
  for (const pattern of patterns?.length ? patterns : [DEFAULT_PATTERN])
    for (const named of [tenant.name, tenant.id]) {
      const path = invertPattern(pattern, { tenant: named, collection: name });
      if (path && nameFault(path.name) === undefined) return { path, origin: "pattern" };
    }
  return undefined;
}

/** Why a collection cannot be written to its place; undefined: it can. */
function findProblem(
  cairn: Collection,
  { path, existing, planned }: Omit<PlannedBack, "cairn"> & { readonly planned: readonly PlannedBack[] },
): string | undefined {
  const fault = existing ? undefined : nameFault(path.name);
  if (fault) return fault;
  const other = planned.find((earlier) => pathOf(earlier.path) === pathOf(path));
  if (other) return `${pathOf(path)} is the place of ${other.cairn.name} too. Use --map.`;
  if (!existing) return undefined;
  const remedy = "Delete the collection in Chroma first, or use --map.";
  if (existing.metric !== cairn.metric)
    return `${pathOf(path)} has the metric ${existing.metric} and not ${cairn.metric}, and Chroma cannot change it. ${remedy}`;
  if (existing.dimensions !== null && cairn.dimensions !== null && existing.dimensions !== cairn.dimensions)
    return `${pathOf(path)} has vectors of ${existing.dimensions} dimensions and not of ${cairn.dimensions}. ${remedy}`;
  return undefined;
}

function nameFault(name: string): string | undefined {
  try {
    assertName(name);
    return undefined;
  } catch (error) {
    if (!(error instanceof ChromaError)) throw error;
    return `Chroma accepts no collection of the name ${JSON.stringify(name.slice(0, 80))}. Use --map.`;
  }
}

/** Reasons that a message has. */
const MAX_PROBLEMS = 10;

function describeProblems(problems: readonly string[]): string {
  const more = problems.length > MAX_PROBLEMS ? `\n… and ${problems.length - MAX_PROBLEMS} more` : "";
  return `${problems.length === 1 ? "A collection has" : `${problems.length} collections have`} no place in Chroma:\n${problems.slice(0, MAX_PROBLEMS).join("\n")}${more}`;
}

function nothingToWrite({ name }: Tenant, { only = [] }: BackPlanOptions): AppError {
  const which = only.length > 0 ? ` with a name that matches ${only.join(" or ")}` : "";
  return new AppError("invalid_input", `Nothing was written: the tenant ${name} has no collection${which}.`, {
    path: only.length > 0 ? "--only" : "--tenant",
  });
}
