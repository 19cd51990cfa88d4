import type { Filter } from "./filter.ts";
import { describe, refuse } from "./refuse.ts";
import { translateRegex } from "./regex/translate.ts";

const OPERATORS = "$contains, $not_contains, $regex, $not_regex";

/** One condition on content, `$contains: "refund"`. Throws `invalid_filter`, also for a regex that cannot be run. */
export function parseDocumentClause(operator: string, operand: unknown, path: string): Filter {
  switch (operator) {
    case "$contains":
    case "$not_contains": {
      const text = stringOperand(operand, path);
      return Object.freeze({
        kind: "content",
        operator: operator === "$contains" ? "contains" : "not_contains",
        text,
      });
    }
    case "$regex":
    case "$not_regex": {
      const pattern = stringOperand(operand, path);
      translateRegex(pattern, path);
      return Object.freeze({
        kind: "pattern",
        operator: operator === "$regex" ? "regex" : "not_regex",
        pattern,
      });
    }
    default:
      throw refuse(path, `is not an operator on content. Allowed: ${OPERATORS}, joined by $and, $or, $not.`);
  }
}

function stringOperand(operand: unknown, path: string): string {
  if (typeof operand === "string") return operand;
  throw refuse(path, `must be a string, not ${describe(operand)}.`);
}
