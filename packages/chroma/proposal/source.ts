import type { PlanOptions } from "../plan/options.ts";
import { matchesGlobs, type TargetPath } from "../protocol/pattern.ts";
import { createTargetFinder } from "../protocol/target-path.ts";
import type { Source, SourceCollection } from "../source/source.ts";
import { type MappingProposal, proposeMapping } from "./propose.ts";

/**
 * Proposes targets for the collections of a source that the default pattern gives none. Returns undefined if the options
 * have a pattern or a mapping, if every collection has a target, or if the names suggest no mapping.
 */
export async function proposeForSource(source: Source, options: PlanOptions): Promise<MappingProposal | undefined> {
  if (options.patterns?.length || options.mapping) return undefined;
  const listed = await source.listCollections(options.scope ?? {});
  const findTarget = createTargetFinder(options);
  const unmapped: SourceCollection[] = [];
  const taken: TargetPath[] = [];
  for (const collection of listed.filter(({ name }) => matchesGlobs(name, options.only ?? []))) {
    const result = findTarget(collection);
    if (result === null) continue;
    if ("problem" in result) unmapped.push(collection);
    else taken.push(result);
  }
  return proposeMapping(unmapped, { listed, taken, tenant: options.tenant });
}
