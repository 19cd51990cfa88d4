import type { FailedCollection } from "../ledger/failures.ts";
import { pathOf } from "../protocol/path.ts";
import { labelCollections } from "../source/label.ts";
import type { UnmappedCollection } from "./plan.ts";
import type { SourcePlan } from "./plan-source.ts";
import type { Preflight } from "./preflight.ts";

/** What a dry run has found. */
export interface DryRunFindings {
  readonly plan: SourcePlan;
  readonly results: readonly Preflight[];
  readonly failed: readonly FailedCollection[];
}

/** What a migration would do, as plain JSON: ids, names and counts, never a text of a document. */
export function describeDryRun({ plan, results, failed }: DryRunFindings) {
  return {
    collections: results.map(describeCollection),
    unmapped: plan.unmapped.map(describeUnmapped),
    leftOut: plan.skipped.map(labelCollections(plan.listed)),
    failed: failed.map(({ source, detail }) => ({ collection: pathOf(source), detail })),
    deletedInCairn: plan.deleted.map(({ source, detail }) => ({ collection: pathOf(source), detail })),
    notices: plan.collections.flatMap(({ notice }) => notice ?? []),
  };
}

function describeUnmapped({ source, problem, blocking }: UnmappedCollection) {
  const { tenant, database, name, id, dimensions, metric, model } = source;
  return {
    source: { tenant, database, name, id },
    collection: name,
    dimensions,
    metric,
    sourceModel: model,
    problem,
    blocking,
  };
}

function describeCollection({ planned, ...measured }: Preflight) {
  const { source, targetPath, model, vectors, why } = planned;
  return {
    source: { tenant: source.tenant, database: source.database, name: source.name, id: source.id },
    target: {
      tenant: targetPath.tenant,
      collection: targetPath.collection,
      exists: planned.target !== undefined,
    },
    dimensions: source.dimensions,
    metric: source.metric,
    sourceModel: source.model,
    model,
    vectors,
    why,
    ...measured,
  };
}
