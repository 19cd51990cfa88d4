import { COLLECTION_NAME, isCollectionName } from "@cairn/core/collection/create.ts";
import { isTenantName, TENANT_NAME } from "@cairn/core/tenant/tenant.ts";
import { pathOf, type SourcePath } from "../source/label.ts";
import type { PlanOptions } from "./options.ts";
import { compilePattern, DEFAULT_PATTERN, type Place } from "./pattern.ts";

/** Where a source collection goes. Null: left out on purpose. A problem: nothing says where, or not clearly. */
export type Placement = Place | null | { readonly problem: string };

/**
 * Finds the places of source collections: by the mapping first, then by the first pattern that matches. `label` names
 * a collection in messages, as an entry of the mapping would. Throws `invalid_input` for a pattern that cannot be used.
 */
export function createPlaceFinder(
  options: PlanOptions,
  label: (source: SourcePath) => string,
): (source: SourcePath) => Placement {
  const patterns = options.patterns?.length ? options.patterns : [DEFAULT_PATTERN];
  const matchers = patterns.map((pattern) => compilePattern(pattern, options.tenant));
  const mapping = new Map(Object.entries(options.mapping ?? {}));
  return (source) => {
    const key = [pathOf(source), source.name].find((one) => mapping.has(one));
    if (key !== undefined) return mapping.get(key) ?? null;
    for (const matcher of matchers) {
      const place = matcher(source);
      if (!place) continue;
      return "unclear" in place
        ? { problem: `${place.unclear} ${describeMapping(label(source))}` }
        : checkPlace(place, label(source));
    }
    return { problem: explainUnmatched(source, label(source), patterns) };
  };
}

/** Names that Cairn cannot give are known before anything is written. */
function checkPlace(place: Place, label: string): Placement {
  if (!isTenantName(place.tenant))
    return {
      problem: `It would belong to tenant ${JSON.stringify(place.tenant.slice(0, 80))}, and a tenant's name has ${TENANT_NAME}. ${describeMapping(label)}`,
    };
  if (!isCollectionName(place.collection))
    return {
      problem: `It would become collection ${JSON.stringify(place.collection.slice(0, 80))}, and a collection's name has ${COLLECTION_NAME}. ${describeMapping(label)}`,
    };
  return place;
}

function describeMapping(label: string): string {
  return `Say where it goes with --map (${exampleOf(label)}), or leave it out with ${JSON.stringify(label)}: null in the mapping.`;
}

function exampleOf(label: string): string {
  return JSON.stringify({ [label]: { tenant: "acme", collection: "faq" } });
}

function explainUnmatched({ name }: SourcePath, label: string, patterns: readonly string[]): string {
  return (
    `The name ${JSON.stringify(name)} does not match ${patterns.join(" or ")}, so its tenant is not known. ` +
    `Say where it goes with --map (${exampleOf(label)}), with another --pattern ` +
    `(--pattern '{collection}' --tenant acme), or leave it out with --only or ${JSON.stringify(label)}: null in the mapping.`
  );
}
