import { encodeJson, type JsonObject } from "../database/json.ts";
import type { Filter } from "./filter.ts";

/** Objects of which a row's metadata contains one, if it passes the filter. */
type Alternatives = readonly JsonObject[];

/** With more an index is asked as often, and finds as much as reading the rows. */
const MOST = 100;

/**
 * What an index of metadata can tell of a filter, as JSON: lists of objects, of each of which a row's metadata contains one
 * if it passes. `{ $and: [{ topic: { $in: ["a", "b"] } }, { year: 2026 }] }` becomes `[[{"topic":"a"},{"topic":"b"}],[{"year":2026}]]`.
 * Rows that do not pass may contain them as well. Undefined where nothing of the filter is of this kind.
 */
export function containedBy(filter: Filter): string | undefined {
  const lists = listsOf(filter).filter(({ length }) => length > 0 && length <= MOST);
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
