import { randomBytes, randomInt } from "node:crypto";
import type { Collection } from "../collection/collection.ts";
import type { IndexPlan } from "../collection/index-settings.ts";
import { indexedExpression, operatorClass } from "../index/expression.ts";
import type { BuildNotes, IndexedRange, IndexKind } from "../index/indexed-range.ts";
import { segmentCondition } from "../index/segments.ts";
import { keywordExpression } from "../search/keyword.ts";
import type { SegmentRange } from "./segment-range.ts";

/** What an index of vectors is made with, and what its build finds. */
export type VectorSettings = IndexedRange["plan"];

/** See `segmentCondition`, and of bits `indexedExpression`. */
export function newNotes({ precision }: IndexPlan): Pick<BuildNotes, "mark" | "stored"> {
  return { mark: randomInt(1, 2 ** 31), ...(precision === "bit" && { stored: true }) };
}

/** An index that is about to be built. */
export interface PlannedIndex<Settings extends object = object> extends SegmentRange {
  readonly kind: IndexKind;
  readonly name: string;
  readonly settings: Settings;
}

export function plannedIndex<Settings extends object>(
  kind: IndexKind,
  { id }: Collection,
  { first, last, rows }: SegmentRange,
  settings: Settings,
): PlannedIndex<Settings> {
  const name = `${kind}_${id.replaceAll("-", "")}_${randomBytes(4).toString("hex")}`;
  return { kind, name, settings, first, last, rows };
}

/** The statement that makes an index of vectors. `leaf`: the partition, as a name. */
export function vectorIndex(
  index: PlannedIndex<VectorSettings>,
  leaf: string,
  collection: Collection,
): string {
  const { type, precision, m, efConstruction, lists } = index.settings;
  const options = type === "hnsw" ? `m = ${m}, ef_construction = ${efConstruction}` : `lists = ${lists}`;
  return `CREATE INDEX CONCURRENTLY ${index.name} ON ${leaf}
    USING ${type} (${indexedExpression(collection, index.settings)} ${operatorClass(collection.metric, precision)}) WITH (${options})
    WHERE ${predicate(collection.id, index)}`;
}

/** Of words and, for filters, of the metadata: GIN finds rows by either column alone. */
export function keywordIndex(index: PlannedIndex, leaf: string, { id, language }: Collection): string {
  return `CREATE INDEX CONCURRENTLY ${index.name} ON ${leaf} USING gin (${keywordExpression(language)}, metadata jsonb_path_ops)
    WHERE ${predicate(id, index)}`;
}

/** In the words of `inCollection` and `segmentCondition`, or Postgres would not see that the index serves. */
function predicate(collectionId: string, { first, last, settings }: PlannedIndex<{ mark?: number }>): string {
  return `collection_id = '${collectionId}'::uuid AND ${segmentCondition({ first, last }, settings)}`;
}
