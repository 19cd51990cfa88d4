import { isCollectionName } from "@cairn/core/collection/create.ts";
import { isTenantName } from "@cairn/core/tenant/tenant.ts";
import type { Mapping } from "../protocol/mapping.ts";
import { CHROMA_DEFAULTS, type ChromaPath, pathOf } from "../protocol/path.ts";
import { type TargetPath, tenantName } from "../protocol/pattern.ts";
import { labelCollections } from "../source/label.ts";
import { containerKey, containerTenant } from "./container.ts";
import { listSchemes } from "./schemes.ts";
import { MIN_SCORE, scoreScheme } from "./score.ts";

/** A mapping that the names of collections suggest. */
export interface MappingProposal {
  readonly mapping: Mapping;
  /** Sentences that say how the names were read. */
  readonly reasons: readonly string[];
}

export interface ProposalOptions {
  /** All collections of the source. A name that occurs twice becomes a path in the mapping. */
  readonly listed: readonly ChromaPath[];
  /** Targets of the other collections. They are not proposed again, and their tenants are known. */
  readonly taken?: readonly TargetPath[];
  /** Gives all collections to this tenant. */
  readonly tenant?: string;
}

/** One way to read some of the collections. */
interface Reading {
  readonly targets: ReadonlyMap<ChromaPath, TargetPath>;
  readonly reason: string;
}

/** The tenant of collections whose names contain none. */
const ONE_TENANT = "default";

/**
 * Proposes a mapping for collections that no pattern matches, from their names, databases and Chroma tenants. Two
 * collections never get the same target. Returns undefined if there is no such mapping.
 */
export function proposeMapping(
  collections: readonly ChromaPath[],
  { listed, taken = [], tenant }: ProposalOptions,
): MappingProposal | undefined {
  const readings =
    tenant === undefined
      ? readCollections(collections, taken)
      : [oneTenant(collections, tenant, `Every collection goes to tenant ${tenant}.`)];
  const targets = readings.flatMap((reading) => [...reading.targets]);
  const groups = readings.map((reading) => [...reading.targets.keys()]);
  if (
    targets.length === 0 ||
    hasSharedTenant(groups, new Map(targets)) ||
    !areUsable(
      targets.map(([, target]) => target),
      taken,
    )
  )
    return undefined;
  const label = labelCollections(listed);
  const entries = targets.map(([collection, target]) => [label(collection), target] as const);
  return {
    mapping: Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1))),
    reasons: [...new Set(readings.map(({ reason }) => reason))],
  };
}

/** Reads all names by one scheme, or else each database on its own. */
function readCollections(collections: readonly ChromaPath[], taken: readonly TargetPath[]): readonly Reading[] {
  const containers = [...Map.groupBy(collections, containerKey).values()];
  const byName = readNames(collections, taken);
  const hasSeveralTenants = (group: readonly ChromaPath[]) =>
    new Set(group.map((collection) => byName?.targets.get(collection)?.tenant)).size > 1;
  const isSeparate = byName && !hasSharedTenant(containers, byName.targets);
  if (byName && (containers.length === 1 || (isSeparate && containers.some(hasSeveralTenants)))) return [byName];
  return containers.map((group) => {
    const tenant = containerTenant(group[0] as ChromaPath, collections);
    if (tenant !== undefined && containers.length > 1)
      return oneTenant(group, tenant, "Each Chroma database is read as a tenant.");
    return (
      readNames(group, taken) ??
      oneTenant(
        group,
        tenant ?? ONE_TENANT,
        `No tenants were recognized in the names${containers.length > 1 ? ` of ${pathOf({ ...(group[0] as ChromaPath), name: "" })}` : ""}, so they go to one tenant. If they belong to several customers, edit the file.`,
      )
    );
  });
}

/** Whether a tenant would get collections of two groups, such as databases, which may be those of two customers. */
function hasSharedTenant(containers: readonly (readonly ChromaPath[])[], targets: Reading["targets"]): boolean {
  const tenants = containers.map((group) => new Set(group.map((collection) => targets.get(collection)?.tenant)));
  const all = tenants.flatMap((own) => [...own]);
  return new Set(all).size < all.length;
}

function oneTenant(collections: readonly ChromaPath[], tenant: string, reason: string): Reading {
  const target = ({ name }: ChromaPath) => ({ tenant: tenantName(tenant), collection: name });
  return { targets: new Map(collections.map((collection) => [collection, target(collection)])), reason };
}

/** Reads all names by the scheme with the highest score. Undefined if none explains all names well enough. */
function readNames(collections: readonly ChromaPath[], taken: readonly TargetPath[]): Reading | undefined {
  const knownTenants = new Set(taken.map(({ tenant }) => tenant));
  let best: { readonly reading: Reading; readonly score: number } | undefined;
  for (const scheme of listSchemes(collections.map(({ name }) => name))) {
    const targets = collections.map(({ name }) => normalize(scheme.read(name)));
    if (!targets.every((target) => target !== undefined) || !areUsable(targets, taken)) continue;
    const score = scoreScheme(scheme, targets, knownTenants);
    if (score <= (best?.score ?? MIN_SCORE)) continue;
    const pairs = collections.map((collection, index) => [collection, targets[index] as TargetPath] as const);
    best = { score, reading: { targets: new Map(pairs), reason: `The names were read as ${scheme.pattern}.` } };
  }
  return best?.reading;
}

function normalize(target: TargetPath | undefined): TargetPath | undefined {
  return target && { ...target, tenant: tenantName(target.tenant) };
}

/** Whether all names are valid, no target occurs twice, and no tenant is one of Chroma's defaults. */
function areUsable(targets: readonly TargetPath[], taken: readonly TargetPath[]): boolean {
  const keys = (paths: readonly TargetPath[]) =>
    new Set(paths.map(({ tenant, collection }) => JSON.stringify([tenant, collection])));
  const own = keys(targets);
  if (own.size < targets.length || !own.isDisjointFrom(keys(taken))) return false;
  const defaults: readonly string[] = Object.values(CHROMA_DEFAULTS);
  return targets.every(
    ({ tenant, collection }) =>
      isTenantName(tenant) &&
      tenant === tenant.trim() &&
      isCollectionName(collection) &&
      !defaults.includes(tenant.toLowerCase()),
  );
}
