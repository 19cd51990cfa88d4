import { isObject, optionalCount } from "../../../server/request/fields.ts";
import type { Answer } from "../read.ts";
import { AGREED, type Comparison, type DifferingRecord, EXCLUDED } from "./outcome.ts";
import { type ComparedRow, differingFields, readRecords } from "./rows.ts";

export interface RecordsOptions {
  /** The parsed request. */
  readonly body: unknown;
  readonly pending: ReadonlySet<string>;
  readonly vectorTolerance: number;
}

/**
 * Compares two responses to `get`. The same records with equal fields must be in both, in any order: Chroma documents no
 * order, and clients look records up by id. `limit` and `offset` cut pages from the order of insertion, which Cairn has
 * too, so a different order shows as a page with other records: a client that moves between the systems would read some
 * twice and others never. Within a page, the order changes nothing for it.
 *
 * Records in flight are excluded. In a page, each of them may also shift one record across each of its ends.
 */
export async function compareRecords(chroma: Answer, cairn: Answer, options: RecordsOptions): Promise<Comparison> {
  const { pending, vectorTolerance } = options;
  const settled = (rows: readonly ComparedRow[]): ReadonlyMap<string, ComparedRow> =>
    new Map(rows.flatMap((row) => (pending.has(row.id) ? [] : [[row.id, row]])));
  const all = [await readRecords(chroma), await readRecords(cairn)] as const;
  const [theirs, ours] = [settled(all[0]), settled(all[1])];
  const onlyInChroma = [...theirs.keys()].filter((id) => !ours.has(id));
  const onlyInCairn = [...ours.keys()].filter((id) => !theirs.has(id));
  const differing = [...theirs.values()].flatMap((row): readonly DifferingRecord[] => {
    const other = ours.get(row.id);
    const fields = other ? differingFields(row, other, { vectorTolerance }) : [];
    return fields.length > 0 ? [{ id: row.id, fields }] : [];
  });
  const shifted = Math.max(onlyInChroma.length, onlyInCairn.length);
  if (shifted === 0 && differing.length === 0) return AGREED;
  const isShift = differing.length === 0 && shifted <= pending.size && isPage(options.body, all);
  if (isShift) return EXCLUDED;
  const total = new Set([...theirs.keys(), ...ours.keys()]).size;
  return {
    outcome: "differed",
    agreement: 1 - (onlyInChroma.length + onlyInCairn.length + differing.length) / total,
    difference: { kind: "records", onlyInChroma, onlyInCairn, differing },
  };
}

/** Whether a request returns a part of the matching records. */
function isPage(body: unknown, answers: readonly (readonly ComparedRow[])[]): boolean {
  if (!isObject(body)) return false;
  const limit = optionalCount(body, "limit") ?? Number.POSITIVE_INFINITY;
  return (optionalCount(body, "offset") ?? 0) > 0 || answers.some((rows) => rows.length >= limit);
}
