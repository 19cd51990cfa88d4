import type { Collection } from "@cairn/core/collection/collection.ts";
import { canonicalJson } from "@cairn/core/database/canonical-json.ts";
import { type JsonObject, parseJson, stringifyJson } from "@cairn/core/database/json.ts";
import type { Finding } from "../ledger/collection.ts";
import type { PlannedCollection } from "../plan/plan.ts";
import { markMadeInCairn } from "./cairn-changes.ts";
import { describeKeys } from "./compare.ts";

/**
 * The differences between a collection and its target apart from their records, as findings without an id: the metadata
 * and, if vectors are copied, the metric. Vectors that are embedded again have the metric of the target.
 */
export function compareCollection(
  planned: Pick<PlannedCollection, "source" | "vectors" | "writtenMetadata" | "metricUnconfirmed">,
  target: Collection,
): readonly Finding[] {
  const { source, vectors } = planned;
  const finding = (detail: string): Finding => ({ id: "", kind: "metadata", detail });
  const findings: Finding[] = [];
  if (vectors === "copy" && source.metric !== target.metric)
    findings.push(
      finding(
        `The metric is ${source.metric} in Chroma and ${target.metric} in Cairn, and the metric of a collection cannot be changed. ` +
          "Map the collection to another target with --map, or delete the target first: cairn collections delete.",
      ),
    );
  if (vectors === "copy" && planned.metricUnconfirmed)
    findings.push(
      finding(
        `Chroma's distances match neither ${target.metric} nor another metric, so it is unproven that both sides order results alike. ` +
          "Check Chroma's index of the collection, or compare results yourself.",
      ),
    );
  if (!equalMetadata(source.metadata, target.metadata)) {
    const difference = finding(`The collection itself: ${describeKeys(toApiJson(source.metadata), target.metadata)}`);
    findings.push(changedInCairn(planned, target) ? markMadeInCairn(difference) : difference);
  }
  return findings;
}

/** Whether a target's metadata was changed in Cairn: it is neither empty nor what a migration wrote. */
export function changedInCairn(
  { writtenMetadata }: Pick<PlannedCollection, "writtenMetadata">,
  { metadata }: Collection,
): boolean {
  if (writtenMetadata === undefined) return Object.keys(metadata).length > 0;
  return !equalMetadata(writtenMetadata, metadata);
}

/** Whether two collections have equal metadata in the form that Cairn's API returns, where 1.0 is 1. */
export function equalMetadata(source: JsonObject, target: JsonObject): boolean {
  return canonicalJson(toApiJson(source)) === canonicalJson(target);
}

function toApiJson(metadata: JsonObject): JsonObject {
  return parseJson(stringifyJson(metadata)) as JsonObject;
}
