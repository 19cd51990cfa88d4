import { COLLECTION_NAME, isCollectionName } from "@cairn/core/collection/create.ts";
import { isTenantName, TENANT_NAME } from "@cairn/core/tenant/tenant.ts";
import type { Mapping } from "./mapping.ts";
import { type ChromaPath, pathOf } from "./path.ts";
import { compilePattern, DEFAULT_PATTERN, type TargetPath } from "./pattern.ts";

/** The rules that give a collection of Chroma its tenant and its name there. */
export interface TargetRules {
  /** Tried in order. Default `tenant_{tenant}_{collection}`. */
  readonly patterns?: readonly string[];
  /** The tenant if a pattern has no `{tenant}`. */
  readonly tenant?: string;
  /** Applied before the patterns. */
  readonly mapping?: Mapping;
}

/** Why a collection has no target. `unmatched`: neither the mapping nor a pattern names it. */
export interface TargetProblem {
  readonly reason: "ambiguous" | "invalid" | "unmatched";
  /** A sentence about the collection, without advice. */
  readonly problem: string;
}

/** The target of a collection. Null: the mapping leaves it out. */
export type TargetResult = TargetPath | null | TargetProblem;

export type TargetFinder = (source: ChromaPath) => TargetResult;

/**
 * Returns a function that finds the target of a collection: by the mapping first, then by the first pattern that matches.
 * Throws `invalid_input` for a pattern that cannot be used.
 */
export function createTargetFinder(rules: TargetRules): TargetFinder {
  const patterns = rules.patterns?.length ? rules.patterns : [DEFAULT_PATTERN];
  const matchers = patterns.map((pattern) => compilePattern(pattern, rules.tenant));
  const mapping = new Map(Object.entries(rules.mapping ?? {}));
  return (source) => {
    const key = [pathOf(source), source.name].find((candidate) => mapping.has(candidate));
    if (key !== undefined) return mapping.get(key) ?? null;
    for (const matcher of matchers) {
      const targetPath = matcher(source);
      if (!targetPath) continue;
      return "unmapped" in targetPath
        ? { reason: "ambiguous", problem: targetPath.unmapped }
        : validateTarget(targetPath);
    }
    const names = `The name ${JSON.stringify(source.name)} does not match ${patterns.join(" or ")}`;
    return { reason: "unmatched", problem: `${names}, so its tenant is unknown.` };
  };
}

/** Rejects invalid tenant and collection names before anything is written. */
function validateTarget(targetPath: TargetPath): TargetPath | TargetProblem {
  const { tenant, collection } = targetPath;
  if (!isTenantName(tenant)) return invalid(`tenant would be ${quote(tenant)}, but a tenant's name has ${TENANT_NAME}`);
  if (!isCollectionName(collection))
    return invalid(`collection would be ${quote(collection)}, but a collection's name has ${COLLECTION_NAME}`);
  return targetPath;
}

function invalid(fault: string): TargetProblem {
  return { reason: "invalid", problem: `Its ${fault}.` };
}

function quote(name: string): string {
  return JSON.stringify(name.slice(0, 80));
}
