import { parseDocumentClause } from "./document-clause.ts";
import { parseFieldClause } from "./field-clause.ts";
import type { Filter } from "./filter.ts";
import { childPath, describeValue, invalidFilter } from "./invalid-filter.ts";
import { addClause, emptySize, type FilterSize, MAX_DEPTH } from "./limits.ts";

interface ParseContext {
  readonly path: string;
  readonly depth: number;
  readonly clause: (key: string, value: unknown, path: string) => Filter;
  readonly size: FilterSize;
}

/**
 * Parses a filter on metadata in Chroma's `where` language, with `$not` around a filter and `$exists` on a field:
 * `{ $and: [{ topic: "returns" }, { price: { $lt: 20 } }] }`. Chroma's `#document` key is supported too.
 *
 * The result is deeply frozen. Throws `invalid_filter` with the path to the fault, `where.$and[1].price.$lt`. A node is an
 * object with exactly one key, as on Chroma's server, so that nothing is ignored silently. An empty list is refused, as in
 * Chroma's clients: an empty `$and` would match everything, also in a delete. `size`: size of the other filters of the
 * same request; limits.ts has the limits.
 */
export function parseFilter(where: unknown, path = "where", size = emptySize()): Filter {
  return parseNode(where, { path, depth: 0, clause: parseFieldClause, size });
}

/**
 * Parses a filter on content in Chroma's `where_document` language, with `$not`: `{ $contains: "refund" }`. `$regex` uses
 * the syntax of Rust's regex crate, as in Chroma. The result is deeply frozen. Throws `invalid_filter` with the path to the
 * fault.
 */
export function parseDocumentFilter(whereDocument: unknown, path = "where_document", size = emptySize()): Filter {
  return parseNode(whereDocument, { path, depth: 0, clause: parseDocumentClause, size });
}

function parseNode(node: unknown, context: ParseContext): Filter {
  const { key, value } = singleEntry(node, context.path);
  const path = childPath(context.path, key);
  if (key !== "$and" && key !== "$or" && key !== "$not") {
    const clause = context.clause(key, value, path);
    addClause(context.size, clause, context.path);
    return clause;
  }
  const depth = context.depth + 1;
  if (depth > MAX_DEPTH)
    throw invalidFilter(path, `is nested too deep: $and, $or and $not can be at most ${MAX_DEPTH} deep.`);
  if (key === "$not") return Object.freeze({ kind: "not", filter: parseNode(value, { ...context, path, depth }) });
  if (!Array.isArray(value) || (value.length === 0 && !context.size.allowEmptyLists))
    throw invalidFilter(path, `must be a list of one or more filters, not ${describeValue(value)}.`);
  const filters = value.map((item, index) => parseNode(item, { ...context, path: `${path}[${index}]`, depth }));
  return Object.freeze({ kind: key === "$and" ? "and" : "or", filters: Object.freeze(filters) });
}

function singleEntry(node: unknown, path: string): { readonly key: string; readonly value: unknown } {
  if (typeof node !== "object" || node === null || Array.isArray(node))
    throw invalidFilter(path, `must be an object with one key, as in {"$and": […]}, not ${describeValue(node)}.`);
  const [entry, ...others] = Object.entries(node);
  if (!entry)
    throw invalidFilter(path, "must contain one condition, not an empty object. To match everything, omit the filter.");
  if (others.length > 0)
    throw invalidFilter(
      path,
      `must have one key, not ${others.length + 1} (${describeValue(node)}). Combine conditions with $and.`,
    );
  return { key: entry[0], value: entry[1] };
}
