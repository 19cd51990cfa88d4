import type { Collection } from "@cairn/core/collection/collection.ts";
import { type JsonObject, parseJson, stringifyJson } from "@cairn/core/database/json.ts";
import type { Finding } from "../ledger/collection.ts";
import type { PlannedCollection } from "../plan/plan.ts";
import { canonicalJson, describeKeys } from "./compare.ts";
import { madeInCairn } from "./kept.ts";

/**
 * What differs between a collection and its target apart from their records, as findings without an id: the metadata,
 * and where vectors are copied, the metric. Vectors made anew have the metric of their own collection.
 */
export function compareCollection(
  planned: Pick<PlannedCollection, "source" | "vectors" | "writtenMetadata" | "metricUnproven">,
  target: Collection,
): readonly Finding[] {
  const { source, vectors } = planned;
  const found = (detail: string): Finding => ({ id: "", kind: "metadata", detail });
  const findings: Finding[] = [];
  if (vectors === "copy" && source.metric !== target.metric)
    findings.push(
      found(
        `The collection measures distance by ${source.metric} in Chroma and by ${target.metric} in Cairn, where that cannot be changed. ` +
          "Send it to another collection with --map, or delete the target first: cairn collections delete.",
      ),
    );
  if (vectors === "copy" && planned.metricUnproven)
    findings.push(
      found(
        `Chroma's distances are neither of ${target.metric} nor of another metric, so results cannot be shown to be ordered alike. ` +
          "See to Chroma's index of it, or compare results yourself.",
      ),
    );
  if (!equalMetadata(source.metadata, target.metadata)) {
    const differs = found(
      `Of the collection itself: ${describeKeys(plain(source.metadata), target.metadata)}`,
    );
    findings.push(changedInCairn(planned, target) ? madeInCairn(differs) : differs);
  }
  return findings;
}

/** Whether a target's metadata is neither empty nor what a migration wrote. */
export function changedInCairn(
  { writtenMetadata }: Pick<PlannedCollection, "writtenMetadata">,
  { metadata }: Collection,
): boolean {
  if (writtenMetadata === undefined) return Object.keys(metadata).length > 0;
  return !equalMetadata(writtenMetadata, metadata);
}

/** A collection's metadata as Cairn's API gives it back, where 1.0 is 1. */
export function equalMetadata(source: JsonObject, target: JsonObject): boolean {
  return canonicalJson(plain(source)) === canonicalJson(target);
}

function plain(metadata: JsonObject): JsonObject {
  return parseJson(stringifyJson(metadata)) as JsonObject;
}
