import { encodeJson, type JsonObject } from "../database/json.ts";
import type { Filter } from "./filter.ts";

/** Objects. The metadata of every matching row contains at least one of them. */
type Alternatives = readonly JsonObject[];

/** Maximum number of objects. With more, the index lookup takes longer than it saves. */
const MAX_OBJECTS = 100;

/**
 * The conditions of a filter that the metadata index can answer, as JSON: lists of objects. The metadata of every matching
 * row contains at least one object of each list. `{ $and: [{ topic: { $in: ["a", "b"] } }, { year: 2026 }] }` becomes
 * `[[{"year":2026}],[{"topic":"a"},{"topic":"b"}]]`. Rows that do not match can satisfy them too. Undefined if the filter
 * has no such condition.
 */
export function containmentConditions(filter: Filter): string | undefined {
  const lists: Alternatives[] = [];
  let count = 0;
  // The shortest lists first. Lists that are left out are still checked by the filter itself.
  for (const list of alternativesOf(filter).toSorted((a, b) => a.length - b.length)) {
    count += list.length;
    if (list.length > 0 && count <= MAX_OBJECTS) lists.push(list);
  }
  if (lists.length === 0) return undefined;
  return `[${lists.map((list) => `[${list.map(encodeJson).join(",")}]`).join(",")}]`;
}

function alternativesOf(filter: Filter): readonly Alternatives[] {
  switch (filter.kind) {
    case "and":
      return filter.filters.flatMap(alternativesOf);
    case "or": {
      const first = filter.filters.map((alternative) => alternativesOf(alternative)[0]);
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
