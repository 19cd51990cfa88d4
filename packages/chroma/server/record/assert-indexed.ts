import type { Collection } from "@cairn/core/collection/collection.ts";
import type { Filter, Scalar } from "@cairn/core/filter/filter.ts";
import { parseDocumentFilter, parseFilter } from "@cairn/core/filter/parse.ts";
import { isDisabled } from "../collection/schema.ts";
import { chromaAttributes } from "../collection/stored.ts";
import { invalidArgument } from "../error.ts";
import { type Conditions, translateFilterError } from "../request/where.ts";

/** Chroma's types of metadata with their indexes. */
const INDEXES = {
  Str: ["string", "string_inverted_index"],
  Int: ["int", "int_inverted_index"],
  Float: ["float", "float_inverted_index"],
  Bool: ["bool", "bool_inverted_index"],
} as const;

/**
 * Throws a 400 if the schema of the collection disables the index of a condition, as Chroma does. Cairn could answer, but an
 * application that disabled an index expects the refusal. Throws a 400 for an invalid filter too.
 */
export function assertIndexed({ attributes }: Pick<Collection, "attributes">, conditions: Conditions): void {
  const { schema } = chromaAttributes(attributes);
  if (schema === undefined) return;
  const { filter, whereDocument } = conditions;
  const size = { clauses: 0, patterns: 0, translated: 0, values: 0, characters: 0, allowEmptyLists: true };
  try {
    if (filter != null) assertFilter(schema, parseFilter(filter, "filter", size));
    if (whereDocument != null) assertFilter(schema, parseDocumentFilter(whereDocument, "where_document", size));
  } catch (error) {
    throw translateFilterError(error);
  }
}

function assertFilter(schema: unknown, filter: Filter): void {
  if ("filters" in filter) for (const inner of filter.filters) assertFilter(schema, inner);
  else if (filter.kind === "not") assertFilter(schema, filter.filter);
  else if (filter.kind === "content" || filter.kind === "pattern") {
    if (isDisabled(schema, "#document", ["string", "fts_index"]))
      throw invalidArgument("Cannot filter using full-text search because FTS indexing is disabled");
  } else if (filter.kind !== "exists") {
    const [value] = "values" in filter ? filter.values : [filter.value];
    const type = typeOf(value as Scalar);
    if (isDisabled(schema, filter.key, INDEXES[type]))
      throw invalidArgument(
        `Cannot filter using metadata key '${filter.key}' with type '${type}' because indexing is disabled`,
      );
  }
}

function typeOf(value: Scalar): keyof typeof INDEXES {
  if (typeof value === "string") return "Str";
  if (typeof value === "boolean") return "Bool";
  return typeof value === "bigint" || Number.isInteger(value) ? "Int" : "Float";
}
