import { COLLECTION_NAME, isCollectionName } from "@cairn/core/collection/create.ts";
import { isTenantName, TENANT_NAME } from "@cairn/core/tenant/tenant.ts";
import { pathOf, type SourcePath } from "../source/label.ts";
import type { PlanOptions } from "./options.ts";
import { compilePattern, DEFAULT_PATTERN, type TargetPath } from "./pattern.ts";

/** The target of a source collection. Null: left out. A problem: the collection is unmapped. */
export type TargetResult = TargetPath | null | { readonly problem: string };

/**
 * Finds the targets of source collections: by the mapping first, then by the first pattern that matches. `label` names a
 * collection in messages, as an entry of the mapping would. Throws `invalid_input` for a pattern that cannot be used.
 */
export function createTargetFinder(
  options: PlanOptions,
  label: (source: SourcePath) => string,
): (source: SourcePath) => TargetResult {
  const patterns = options.patterns?.length ? options.patterns : [DEFAULT_PATTERN];
  const matchers = patterns.map((pattern) => compilePattern(pattern, options.tenant));
  const mapping = new Map(Object.entries(options.mapping ?? {}));
  return (source) => {
    const key = [pathOf(source), source.name].find((candidate) => mapping.has(candidate));
    if (key !== undefined) return mapping.get(key) ?? null;
    for (const matcher of matchers) {
      const targetPath = matcher(source);
      if (!targetPath) continue;
      return "unmapped" in targetPath
        ? { problem: `${targetPath.unmapped} ${describeMapping(label(source))}` }
        : validateTarget(targetPath, label(source));
    }
    return { problem: explainUnmatched(source, label(source), patterns) };
  };
}

/** Rejects invalid tenant and collection names before anything is written. */
function validateTarget(targetPath: TargetPath, label: string): TargetResult {
  if (!isTenantName(targetPath.tenant))
    return {
      problem: `Its tenant would be ${JSON.stringify(targetPath.tenant.slice(0, 80))}, but a tenant's name has ${TENANT_NAME}. ${describeMapping(label)}`,
    };
  if (!isCollectionName(targetPath.collection))
    return {
      problem: `Its collection would be ${JSON.stringify(targetPath.collection.slice(0, 80))}, but a collection's name has ${COLLECTION_NAME}. ${describeMapping(label)}`,
    };
  return targetPath;
}

function describeMapping(label: string): string {
  return `Name its target with --map (${mappingExample(label)}), or leave it out with ${JSON.stringify(label)}: null in the mapping.`;
}

function mappingExample(label: string): string {
  return JSON.stringify({ [label]: { tenant: "acme", collection: "faq" } });
}

function explainUnmatched({ name }: SourcePath, label: string, patterns: readonly string[]): string {
  return (
    `The name ${JSON.stringify(name)} does not match ${patterns.join(" or ")}, so its tenant is unknown. ` +
    `Name its target with --map (${mappingExample(label)}), with another --pattern ` +
    `(--pattern '{collection}' --tenant acme), or leave it out with --only or ${JSON.stringify(label)}: null in the mapping.`
  );
}
