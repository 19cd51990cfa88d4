import { parseDocumentClause } from "./document-clause.ts";
import { parseFieldClause } from "./field-clause.ts";
import type { Filter } from "./filter.ts";
import { describe, refuse, step } from "./refuse.ts";

/** `$and`, `$or` and `$not` inside one another at most. */
const MAX_DEPTH = 8;
/** Conditions in one filter at most: each becomes parameters, of which a statement has 65,535. */
const MAX_CLAUSES = 1_000;
/** Regexes in one filter at most: Postgres keeps 32 prepared, and beyond that prepares each again for every row. */
const MAX_PATTERNS = 15;

interface Place {
  readonly path: string;
  readonly depth: number;
  readonly clause: (key: string, value: unknown, path: string) => Filter;
  readonly count: { clauses: number; patterns: number };
}

/**
 * Parses a filter on metadata in Chroma's `where` language, with `$not` around a filter and `$exists` on a field:
 * `{ $and: [{ topic: "returns" }, { price: { $lt: 20 } }] }`. Chroma's `#document` key is understood, too.
 *
 * Deeply frozen. Throws `invalid_filter` with the path to the fault, `where.$and[1].price.$lt`. A node is an object of
 * exactly one key, as on Chroma's server, so that nothing is left out silently; and a list that holds no condition is
 * refused, as Chroma's clients do: an empty `$and` would match everything, in a delete as well.
 */
export function parseFilter(where: unknown, path = "where"): Filter {
  return parseNode(where, { path, depth: 0, clause: parseFieldClause, count: { clauses: 0, patterns: 0 } });
}

/**
 * Parses a filter on content in Chroma's `where_document` language, with `$not`: `{ $contains: "refund" }`. `$regex`
 * is in the syntax of Rust's regex crate, as in Chroma. Deeply frozen. Throws `invalid_filter` with the path to the fault.
 */
export function parseDocumentFilter(whereDocument: unknown, path = "where_document"): Filter {
  return parseNode(whereDocument, {
    path,
    depth: 0,
    clause: parseDocumentClause,
    count: { clauses: 0, patterns: 0 },
  });
}

function parseNode(node: unknown, place: Place): Filter {
  const { key, value } = soleEntry(node, place.path);
  const path = step(place.path, key);
  if (key !== "$and" && key !== "$or" && key !== "$not")
    return counted(place.clause(key, value, path), place);
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

function counted(clause: Filter, { path, count }: Place): Filter {
  count.clauses += 1;
  if (clause.kind === "pattern") count.patterns += 1;
  if (count.clauses > MAX_CLAUSES)
    throw refuse(path, `is one condition too many: at most ${MAX_CLAUSES}. Use $in for many values.`);
  if (count.patterns > MAX_PATTERNS)
    throw refuse(path, `is one regex too many: at most ${MAX_PATTERNS}. Join patterns into one with "|".`);
  return clause;
}

function soleEntry(node: unknown, path: string): { readonly key: string; readonly value: unknown } {
  if (typeof node !== "object" || node === null || Array.isArray(node))
    throw refuse(path, `must be an object with one key, as in {"$and": […]}, not ${describe(node)}.`);
  const [entry, ...others] = Object.entries(node);
  if (!entry)
    throw refuse(path, "must hold one condition, not an empty object. Leave the filter out to match all.");
  if (others.length > 0)
    throw refuse(
      path,
      `must have one key, not ${others.length + 1} (${describe(node)}). Join conditions with $and.`,
    );
  return { key: entry[0], value: entry[1] };
}
