import { encodeJson, type JsonObject } from "../database/json.ts";
import { encodeText } from "../database/text.ts";
import type { Filter, Order } from "./filter.ts";

/** A condition on a row's metadata that the metadata index can answer. */
export type IndexCondition =
  | { readonly kind: "contains"; readonly object: JsonObject }
  /** The number of a key is from `low` to `high`, both included. As doubles, which the index has. */
  | { readonly kind: "range"; readonly key: string; readonly low: number; readonly high: number };

/** Conditions. Every matching row meets at least one of them. */
type Alternatives = readonly IndexCondition[];

/** Lists of alternatives. Every matching row meets one condition of each list. Rows that do not match can meet them too. */
export type IndexConditions = readonly Alternatives[];

/** Maximum number of conditions. With more, the index lookup takes longer than it saves. */
const MAX_CONDITIONS = 100;

/** The conditions of a filter that the metadata index can answer. Undefined: there is none. */
export function indexConditions(filter: Filter): IndexConditions | undefined {
  const lists: Alternatives[] = [];
  let count = 0;
  // The shortest lists first. Lists that are left out are still checked by the filter itself.
  for (const list of alternativesOf(filter).toSorted((a, b) => a.length - b.length)) {
    count += list.length;
    if (list.length > 0 && count <= MAX_CONDITIONS) lists.push(list);
  }
  return lists.length > 0 ? lists : undefined;
}

/**
 * The argument of cairn.filtered_rows, for example `[[{"contains":{"year":2026}}],[{"key":"price","low":null,"high":20}]]`.
 * Undefined if an index without numbers (`hasNumbers`) can answer none of the conditions.
 */
export function encodeConditions(
  conditions: IndexConditions,
  { hasNumbers }: { readonly hasNumbers: boolean },
): string | undefined {
  const lists = hasNumbers ? conditions : conditions.filter((list) => list.every(({ kind }) => kind === "contains"));
  if (lists.length === 0) return undefined;
  return `[${lists.map((list) => `[${list.map(encodeCondition).join(",")}]`).join(",")}]`;
}

function encodeCondition(condition: IndexCondition): string {
  if (condition.kind === "contains") return `{"contains":${encodeJson(condition.object)}}`;
  const { key, low, high } = condition;
  return JSON.stringify({ key: encodeText(key), low, high }); // JSON.stringify writes an infinite bound as null
}

function alternativesOf(filter: Filter): readonly Alternatives[] {
  switch (filter.kind) {
    case "and":
      return joinRanges(filter.filters.flatMap(alternativesOf));
    case "or": {
      const first = filter.filters.map((alternative) => alternativesOf(alternative)[0]);
      return first.every((list) => list !== undefined) ? [first.flat()] : [];
    }
    case "equal":
      return filter.operator === "eq" ? [[contains({ [filter.key]: filter.value })]] : [];
    case "member":
      return filter.operator === "in" ? [filter.values.map((value) => contains({ [filter.key]: value }))] : [];
    case "list":
      return filter.operator === "contains" ? [[contains({ [filter.key]: [filter.value] })]] : [];
    case "order":
      return [[{ kind: "range", key: filter.key, ...boundsOf(filter.operator, Number(filter.value)) }]];
    default:
      return [];
  }
}

function contains(object: JsonObject): IndexCondition {
  return { kind: "contains", object };
}

function boundsOf(operator: Order, value: number): { readonly low: number; readonly high: number } {
  return operator === "gt" || operator === "gte"
    ? { low: value, high: Number.POSITIVE_INFINITY }
    : { low: Number.NEGATIVE_INFINITY, high: value };
}

/** Joins the ranges of one key, as in `$gte: 1` and `$lt: 5`: half-open ranges would each read many rows. */
function joinRanges(lists: readonly Alternatives[]): readonly Alternatives[] {
  const ranges = new Map<string, Extract<IndexCondition, { kind: "range" }>>();
  const others = lists.filter((list) => {
    const [only] = list;
    if (list.length !== 1 || only?.kind !== "range") return true;
    const { key, low, high } = only;
    const joined = ranges.get(key) ?? only;
    ranges.set(key, { ...only, low: Math.max(joined.low, low), high: Math.min(joined.high, high) });
    return false;
  });
  return [...others, ...[...ranges.values()].map((range) => [range])];
}
