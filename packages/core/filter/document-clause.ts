import type { Filter } from "./filter.ts";
import { describe, refuse } from "./refuse.ts";
import { postgresRegex } from "./regex/translation.ts";

/** UTF-16 units of a regular expression at most. Checked before it is read. */
const MAX_PATTERN = 10_000;

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
      if (pattern.length > MAX_PATTERN)
        throw refuse(
          path,
          `is too long: a regular expression has at most ${MAX_PATTERN} characters, this one has ${pattern.length}. Use $contains for a long text.`,
        );
      const clause = Object.freeze({
        kind: "pattern",
        operator: operator === "$regex" ? "regex" : "not_regex",
        pattern,
      } as const);
      postgresRegex(clause, path);
      return clause;
    }
    default:
      throw refuse(path, `is not an operator on content. Allowed: ${OPERATORS}, joined by $and, $or, $not.`);
  }
}

function stringOperand(operand: unknown, path: string): string {
  if (typeof operand === "string") return operand;
  throw refuse(path, `must be a string, not ${describe(operand)}.`);
}
