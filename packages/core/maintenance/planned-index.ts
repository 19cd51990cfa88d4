import { randomBytes, randomInt } from "node:crypto";
import type { Collection } from "../collection/collection.ts";
import { indexedExpression, operatorClass } from "../index/expression.ts";
import type { BuildNotes, IndexedRange, IndexKind } from "../index/indexed-range.ts";
import { segmentCondition } from "../index/segments.ts";
import type { IndexPlan } from "../index/settings.ts";
import { keywordExpression } from "../search/keyword.ts";
import type { SegmentRange } from "./segment-range.ts";

/** Build settings of a vector index, and what its build records. */
export type VectorSettings = IndexedRange["plan"];

/** Notes of a new vector index: its mark, see `segmentCondition`, and whether it reads the column `bits`, see `indexedExpression`. */
export function newBuildNotes({ precision }: IndexPlan): Pick<BuildNotes, "mark" | "stored"> {
  return { mark: randomInt(1, 2 ** 31), ...(precision === "bit" && { stored: true }) };
}

/** An index to build. */
export interface PlannedIndex<Settings extends object = object> extends SegmentRange {
  readonly kind: IndexKind;
  readonly name: string;
  readonly settings: Settings;
}

/** Plans an index under a new name. */
export function planIndex<Settings extends object>(
  kind: IndexKind,
  { id }: Collection,
  { first, last, rows }: SegmentRange,
  settings: Settings,
): PlannedIndex<Settings> {
  const name = `${kind}_${id.replaceAll("-", "")}_${randomBytes(4).toString("hex")}`;
  return { kind, name, settings, first, last, rows };
}

/** The CREATE INDEX statement of a vector index. `partition`: its name. */
export function vectorIndexStatement(
  index: PlannedIndex<VectorSettings>,
  partition: string,
  collection: Collection,
): string {
  const { type, precision, m, efConstruction, lists } = index.settings;
  const options = type === "hnsw" ? `m = ${m}, ef_construction = ${efConstruction}` : `lists = ${lists}`;
  return `CREATE INDEX CONCURRENTLY ${index.name} ON ${partition}
    USING ${type} (${indexedExpression(collection, index.settings)} ${operatorClass(collection.metric, precision)}) WITH (${options})
    WHERE ${predicate(collection.id, index)}`;
}

/** The CREATE INDEX statement of a keyword index. It also covers the metadata and its numbers, for filters: GIN can search each column alone. */
export function keywordIndexStatement(index: PlannedIndex, partition: string, { id, language }: Collection): string {
  return `CREATE INDEX CONCURRENTLY ${index.name} ON ${partition} USING gin (${keywordExpression(language)}, metadata jsonb_path_ops, cairn.number_tokens(metadata))
    WHERE ${predicate(id, index)}`;
}

/** The predicate of an index. It repeats `inCollection` and `segmentCondition` verbatim, or Postgres does not use the index. */
function predicate(collectionId: string, { first, last, settings }: PlannedIndex<{ mark?: number }>): string {
  return `collection_id = '${collectionId}'::uuid AND ${segmentCondition({ first, last }, settings)}`;
}
