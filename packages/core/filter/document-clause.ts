import type { Filter } from "./filter.ts";
import { describeValue, invalidFilter } from "./invalid-filter.ts";
import { postgresRegex } from "./regex/translation.ts";

/** Maximum length of a regular expression in UTF-16 units. Checked before it is parsed. */
const MAX_PATTERN_LENGTH = 10_000;

const OPERATORS = "$contains, $not_contains, $regex, $not_regex";

/** Parses one condition on content, `$contains: "refund"`. Throws `invalid_filter`, also for a regex that cannot run. */
export function parseDocumentClause(operator: string, operand: unknown, path: string): Filter {
  const name = operator.startsWith("$") ? operator.slice(1) : "";
  switch (name) {
    case "contains":
    case "not_contains":
      return Object.freeze({ kind: "content", operator: name, text: stringOperand(operand, path) });
    case "regex":
    case "not_regex": {
      const pattern = stringOperand(operand, path);
      if (pattern.length > MAX_PATTERN_LENGTH)
        throw invalidFilter(
          path,
          `is too long: a regular expression has at most ${MAX_PATTERN_LENGTH} characters, this one has ${pattern.length}. Use $contains for a long text.`,
        );
      const clause = Object.freeze({ kind: "pattern", operator: name, pattern } as const);
      postgresRegex(clause, path);
      return clause;
    }
    default:
      throw invalidFilter(path, `is not an operator on content. Allowed: ${OPERATORS}, combined with $and, $or, $not.`);
  }
}

function stringOperand(operand: unknown, path: string): string {
  if (typeof operand === "string") return operand;
  throw invalidFilter(path, `must be a string, not ${describeValue(operand)}.`);
}
