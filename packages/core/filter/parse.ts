import { parseDocumentClause } from "./document-clause.ts";
import { parseFieldClause } from "./field-clause.ts";
import type { Filter } from "./filter.ts";
import { addClause, emptySize, type FilterSize, MAX_DEPTH } from "./limits.ts";
import { describe, refuse, step } from "./refuse.ts";

interface Place {
  readonly path: string;
  readonly depth: number;
  readonly clause: (key: string, value: unknown, path: string) => Filter;
  readonly size: FilterSize;
}

/**
 * Parses a filter on metadata in Chroma's `where` language, with `$not` around a filter and `$exists` on a field:
 * `{ $and: [{ topic: "returns" }, { price: { $lt: 20 } }] }`. Chroma's `#document` key is understood, too.
 *
 * Deeply frozen. Throws `invalid_filter` with the path to the fault, `where.$and[1].price.$lt`. A node is an object of
 * exactly one key, as on Chroma's server, so that nothing is left out silently; and a list that holds no condition is
 * refused, as Chroma's clients do: an empty `$and` would match everything, in a delete as well. `size`: what the other
 * filters of the same request hold; limits.ts has the limits.
 */
export function parseFilter(where: unknown, path = "where", size = emptySize()): Filter {
  return parseNode(where, { path, depth: 0, clause: parseFieldClause, size });
}

/**
 * Parses a filter on content in Chroma's `where_document` language, with `$not`: `{ $contains: "refund" }`. `$regex`
 * is in the syntax of Rust's regex crate, as in Chroma. Deeply frozen. Throws `invalid_filter` with the path to the fault.
 */
export function parseDocumentFilter(
  whereDocument: unknown,
  path = "where_document",
  size = emptySize(),
): Filter {
  return parseNode(whereDocument, { path, depth: 0, clause: parseDocumentClause, size });
}

function parseNode(node: unknown, place: Place): Filter {
  const { key, value } = soleEntry(node, place.path);
  const path = step(place.path, key);
  if (key !== "$and" && key !== "$or" && key !== "$not") {
    const clause = place.clause(key, value, path);
    addClause(place.size, clause, place.path);
    return clause;
  }
  const depth = place.depth + 1;
  if (depth > MAX_DEPTH)
    throw refuse(path, `is nested too deep: $and, $or and $not go at most ${MAX_DEPTH} deep.`);
  if (key === "$not")
    return Object.freeze({ kind: "not", filter: parseNode(value, { ...place, path, depth }) });
  if (!Array.isArray(value) || value.length === 0)
    throw refuse(path, `must be a list of one or more filters, not ${describe(value)}.`);
  const filters = value.map((item, index) => parseNode(item, { ...place, path: `${path}[${index}]`, depth }));
  return Object.freeze({ kind: key === "$and" ? "and" : "or", filters: Object.freeze(filters) });
}

function soleEntry(node: unknown, path: string): { readonly key: string; readonly value: unknown } {
  if (typeof node !== "object" || node === null || Array.isArray(node))
    throw refuse(path, `must be an object with one key, as in {"$and": […]}, not ${describe(node)}.`);
  const [entry, ...others] = Object.entries(node);
  if (!entry)
    throw refuse(
      path,
      "must hold one condition, not an empty object. Leave the filter out to search everything.",
    );
  if (others.length > 0)
    throw refuse(
      path,
      `must have one key, not ${others.length + 1} (${describe(node)}). Join conditions with $and.`,
    );
  return { key: entry[0], value: entry[1] };
}
