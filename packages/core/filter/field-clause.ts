import { parseDocumentClause } from "./document-clause.ts";
import type { Filter, Scalar } from "./filter.ts";
import { childPath, describeValue, invalidFilter } from "./invalid-filter.ts";
import { MAX_VALUES } from "./limits.ts";

const OPERATORS = "$eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $contains, $not_contains, $exists";
/** Larger than the largest double. jsonb allows 131,072 digits, but no number in a request needs them. */
const INTEGER_LIMIT = 2n ** 1024n;

/** Parses one condition on a metadata field, `price: { $lt: 20 }` or `topic: "returns"`. Throws `invalid_filter`. */
export function parseFieldClause(key: string, condition: unknown, path: string): Filter {
  if (key.startsWith("$"))
    throw invalidFilter(
      path,
      `is not an operator here. Allowed: $and, $or, $not, or a field as in {"price": {"$lt": 20}}.`,
    );
  const isObject = typeof condition === "object" && condition !== null && !Array.isArray(condition);
  if (!isObject) {
    if (key === "#document")
      throw invalidFilter(path, `needs an operator, as in {"$contains": "refund"}, not ${describeValue(condition)}.`);
    return Object.freeze({ kind: "equal", operator: "eq", key, value: scalarOperand(condition, path) });
  }
  const [entry, ...others] = Object.entries(condition);
  if (!entry) throw invalidFilter(path, `must contain an operator, not an empty object. Allowed: ${OPERATORS}.`);
  if (others.length > 0)
    throw invalidFilter(
      path,
      `must have one operator, not ${others.length + 1} (${describeValue(condition)}). Combine conditions with $and.`,
    );
  const [operator, operand] = entry;
  const operatorPath = childPath(path, operator);
  if (key === "#document") return parseDocumentClause(operator, operand, operatorPath);
  return parseOperator(key, { operator, operand, path: operatorPath });
}

interface Operation {
  readonly operator: string;
  readonly operand: unknown;
  readonly path: string;
}

function parseOperator(key: string, { operator, operand, path }: Operation): Filter {
  const name = operator.startsWith("$") ? operator.slice(1) : "";
  switch (name) {
    case "eq":
    case "ne":
      return Object.freeze({ kind: "equal", operator: name, key, value: scalarOperand(operand, path) });
    case "gt":
    case "gte":
    case "lt":
    case "lte":
      return Object.freeze({ kind: "order", operator: name, key, value: numberOperand(operand, path) });
    case "in":
    case "nin":
      return Object.freeze({ kind: "member", operator: name, key, values: listOperand(operand, path) });
    case "contains":
    case "not_contains":
      return Object.freeze({ kind: "list", operator: name, key, value: scalarOperand(operand, path) });
    case "exists":
      if (typeof operand !== "boolean")
        throw invalidFilter(path, `must be true or false, not ${describeValue(operand)}.`);
      return Object.freeze({ kind: "exists", key, exists: operand });
    case "regex":
    case "not_regex":
      throw invalidFilter(path, `works on content only: use where_document, or the key "#document".`);
    default:
      throw invalidFilter(path, `is not an operator on a field. Allowed: ${OPERATORS}.`);
  }
}

function scalarOperand(operand: unknown, path: string): Scalar {
  if (typeof operand === "string" || typeof operand === "boolean") return operand;
  if (isNumber(operand)) return operand;
  throw invalidFilter(path, `must be a string, a finite number or a boolean, not ${describeValue(operand)}.`);
}

/** As in Chroma, only numbers can be compared: a string or a boolean has no `$gt`. */
function numberOperand(operand: unknown, path: string): number | bigint {
  if (isNumber(operand)) return operand;
  throw invalidFilter(path, `must be a finite number, not ${describeValue(operand)}.`);
}

/** Values of one type, as Chroma requires. Unlike in Chroma, integers and other numbers can be mixed. */
function listOperand(operand: unknown, path: string): readonly Scalar[] {
  if (!Array.isArray(operand) || operand.length === 0)
    throw invalidFilter(path, `must be a list of one or more values, not ${describeValue(operand)}.`);
  if (operand.length > MAX_VALUES)
    throw invalidFilter(
      path,
      `must be a list of at most ${MAX_VALUES} values, not ${operand.length}. Send several requests.`,
    );
  const values = operand.map((item, index) => scalarOperand(item, `${path}[${index}]`));
  const mismatch = values.findIndex((value) => typeName(value) !== typeName(values[0]));
  if (mismatch >= 0)
    throw invalidFilter(
      `${path}[${mismatch}]`,
      `must be a ${typeName(values[0])} like the values before it, not ${describeValue(values[mismatch])}. Combine lists with $or.`,
    );
  return Object.freeze(values);
}

function typeName(value: unknown): string {
  return typeof value === "bigint" ? "number" : typeof value;
}

function isNumber(operand: unknown): operand is number | bigint {
  if (typeof operand === "bigint") return operand < INTEGER_LIMIT && operand > -INTEGER_LIMIT;
  return typeof operand === "number" && Number.isFinite(operand);
}
