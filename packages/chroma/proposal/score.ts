import type { TargetPath } from "../protocol/pattern.ts";
import type { NamingScheme } from "./schemes.ts";
import { kindOf, splitWords, type WordKind } from "./words.ts";

/** A scheme with a lower score explains too little to be proposed. */
export const MIN_SCORE = 1;

/** What a word says about the part of a tenant's name that it is. */
const TENANT_SCORES: Readonly<Record<WordKind, number>> = {
  uuid: 4,
  number: 1.5,
  other: 0,
  content: -3,
  "before tenant": -3,
  generic: -3,
  version: -3,
};

/**
 * Scores how well a scheme explains the names that it gives these targets. Customers outnumber kinds of content, so
 * collections that several tenants have count more than tenants with several collections.
 */
export function scoreScheme(
  { separator, prefix, pattern }: NamingScheme,
  targets: readonly TargetPath[],
  knownTenants: ReadonlySet<string>,
): number {
  const followsMarker = prefix.some((word) => kindOf(word) === "before tenant");
  const hasCollection = pattern.includes("{collection}");
  const scores = targets.map(({ tenant, collection }) => {
    const known = knownTenants.has(tenant) ? 3 : 0;
    return known + scoreTenant(tenant, followsMarker) + (hasCollection ? scoreCollection(collection) : 0);
  });
  const mean = scores.reduce((sum, score) => sum + score, 0) / targets.length;
  if (!hasCollection) return mean + scorePrefix(prefix);
  const isUsualOrder = pattern.indexOf("{tenant}") < pattern.indexOf("{collection}");
  const repeated = 2 * shareRepeated(targets, "collection") + shareRepeated(targets, "tenant");
  return mean + repeated + scoreSeparator(separator) + scorePrefix(prefix) + (isUsualOrder ? 0.5 : 0);
}

function scoreTenant(tenant: string, followsMarker: boolean): number {
  const scores = splitWords(tenant).map((word) => TENANT_SCORES[kindOf(word)]);
  return Math.min(...scores) + (followsMarker ? 2 : 0);
}

function scoreCollection(collection: string): number {
  const words = splitWords(collection);
  const kinds = words.map(kindOf);
  if (kinds.includes("uuid") || kinds.every((kind) => kind === "number")) return -3;
  if (kinds.length === 1 && (kinds[0] === "before tenant" || kinds[0] === "version")) return -3;
  const content = kinds.findLast((kind) => kind !== "version" && kind !== "number");
  if (content !== "content") return 0;
  return words.length === 1 ? 2 : 1.5;
}

/** The share of targets whose tenant or collection another target has too. */
function shareRepeated(targets: readonly TargetPath[], field: keyof TargetPath): number {
  const groups = Map.groupBy(targets, (target) => target[field]);
  return targets.filter((target) => (groups.get(target[field])?.length ?? 0) > 1).length / targets.length;
}

/** A double separator or a dot is chosen on purpose; `_` and `-` also separate the words of one name. */
function scoreSeparator(separator: string): number {
  if (separator.length === 2) return 1;
  return separator === "." ? 0.6 : 0;
}

/** A word that names nothing costs nothing. Another one may be a part of the tenant. */
function scorePrefix(prefix: readonly string[]): number {
  const isEmpty = (word: string) => kindOf(word) === "before tenant" || kindOf(word) === "generic";
  return -1.5 * prefix.filter((word) => !isEmpty(word)).length;
}
