import { encodeJson, type JsonObject } from "../database/json.ts";
import type { Filter } from "./filter.ts";

/** Objects of which a row's metadata contains one, if it passes the filter. */
type Alternatives = readonly JsonObject[];

/** Objects that are looked up: with more, the look takes longer than what it spares. */
const MAX_KEYS = 100;

/**
 * What an index of metadata can tell of a filter, as JSON: lists of objects, of each of which a row's metadata contains one
 * if it passes. `{ $and: [{ topic: { $in: ["a", "b"] } }, { year: 2026 }] }` becomes `[[{"year":2026}],[{"topic":"a"},{"topic":"b"}]]`.
 * Rows that do not pass may contain them as well. Undefined where nothing of the filter is of this kind.
 */
export function containedBy(filter: Filter): string | undefined {
  const lists: Alternatives[] = [];
  let count = 0;
  // The shortest first: whatever is left out, the filter itself asks for.
  for (const list of listsOf(filter).toSorted((a, b) => a.length - b.length)) {
    count += list.length;
    if (list.length > 0 && count <= MAX_KEYS) lists.push(list);
  }
  if (lists.length === 0) return undefined;
  return `[${lists.map((list) => `[${list.map(encodeJson).join(",")}]`).join(",")}]`;
}

function listsOf(filter: Filter): readonly Alternatives[] {
  switch (filter.kind) {
    case "and":
      return filter.filters.flatMap(listsOf);
    case "or": {
      const first = filter.filters.map((one) => listsOf(one)[0]);
      return first.every((list) => list !== undefined) ? [first.flat()] : [];
    }
    case "equal":
      return filter.operator === "eq" ? [[{ [filter.key]: filter.value }]] : [];
    case "member":
      return filter.operator === "in" ? [filter.values.map((value) => ({ [filter.key]: value }))] : [];
    case "list":
      return filter.operator === "contains" ? [[{ [filter.key]: [filter.value] }]] : [];
    default:
      return [];
  }
}
