import { type SQL, sql } from "drizzle-orm";
import { encodeJson, stringifyJson } from "../database/json.ts";
import { encodeText } from "../database/text.ts";
import type { Filter, Order, Scalar } from "./filter.ts";
import { singleCharacterForm } from "./regex/bracket.ts";
import { postgresRegex } from "./regex/translation.ts";

const COMPARISONS: Readonly<Record<Order, SQL>> = { gt: sql`>`, gte: sql`>=`, lt: sql`<`, lte: sql`<=` };

/** Content compared by bytes, whatever the database's locale. */
const CONTENT = sql`content COLLATE "C"`;

/**
 * Content in which each code unit that text.ts escaped is one character again, as in `singleCharacterForm`. A pattern's
 * `.` must not match five characters, and a search for "00" must not match the escape of a NUL.
 */
const CHARACTERS = sql`
  CASE WHEN strpos(${CONTENT}, chr(65534)) = 0 THEN ${CONTENT} ELSE
    replace(replace(regexp_replace(${CONTENT},
      chr(65534) || 'd[89a-f][0-9a-f]{2}', chr(65533), 'g'),
      chr(65534) || 'fffe', chr(1114110)),
      chr(65534) || '0000', chr(65534))
  END`;

/**
 * A filter as SQL over the columns `metadata` (jsonb, not null) and `content` (text, may be null) of cairn.documents:
 * `{ price: { $lt: 20 } }` becomes
 * `coalesce(jsonb_typeof(metadata -> 'price') = 'number' AND metadata -> 'price' < '20', false)`.
 *
 * The result is true or false, never NULL, so NOT can precede it. No stored value makes it fail. Keys and values are
 * parameters.
 */
export function compileFilter(filter: Filter): SQL {
  switch (filter.kind) {
    case "and":
      return joinConditions(filter.filters, { separator: sql` AND `, empty: sql`true` });
    case "or":
      return joinConditions(filter.filters, { separator: sql` OR `, empty: sql`false` });
    case "not":
      return negateIf(true, compileFilter(filter.filter));
    case "equal":
      return negateIf(filter.operator === "ne", containment(filter.key, filter.value));
    case "order":
      return compare(filter.key, filter.operator, filter.value);
    case "member":
      return negateIf(filter.operator === "nin", isMember(filter.key, filter.values));
    case "list":
      return negateIf(filter.operator === "not_contains", containment(filter.key, [filter.value]));
    case "exists":
      return negateIf(!filter.exists, sql`coalesce(jsonb_typeof(${field(filter.key)}) <> 'null', false)`);
    case "content":
      return negateIf(filter.operator === "not_contains", contentContains(filter.text));
    case "pattern": {
      const matches = sql`coalesce(${CHARACTERS} ~ ${postgresRegex(filter)}::text, false)`;
      return negateIf(filter.operator === "not_regex", matches);
    }
  }
}

function joinConditions(
  filters: readonly Filter[],
  { separator, empty }: { readonly separator: SQL; readonly empty: SQL },
): SQL {
  return filters.length === 0 ? empty : sql`(${sql.join(filters.map(compileFilter), separator)})`;
}

function negateIf(isNegated: boolean, condition: SQL): SQL {
  return isNegated ? sql`NOT ${condition}` : condition;
}

function field(key: string): SQL {
  return sql`metadata -> ${encodeText(key)}::text`;
}

/**
 * Metadata contains `{key: 1}` if the type and the value are equal. 1 equals 1.0, and a list never equals a scalar.
 * Metadata contains `{key: [1]}` if the value is a list with such an element. (In Chroma, a list of floats does not
 * contain the integer 1, and an integer 1 equals 1.5 because the operand is truncated. Cairn does not copy these faults.)
 */
function containment(key: string, value: Scalar | readonly Scalar[]): SQL {
  return sql`metadata @> ${encodeJson({ [key]: value })}::jsonb`;
}

/** jsonb can compare values of any types, so no stored value makes the comparison fail. Only numbers can match. */
function compare(key: string, operator: Order, value: number | bigint): SQL {
  return sql`coalesce(jsonb_typeof(${field(key)}) = 'number' AND ${field(key)} ${COMPARISONS[operator]} ${String(value)}::jsonb, false)`;
}

/** The list is one constant array for the planner, so Postgres looks a row's value up in a hash table. */
function isMember(key: string, values: readonly Scalar[]): SQL {
  const list = values.map((value) => stringifyJson(typeof value === "string" ? encodeText(value) : value));
  return sql`coalesce(${field(key)} = ANY(${sql.param(list)}::text[]::jsonb[]), false)`;
}

/** Case-sensitive, without wildcards. Null content contains nothing, not even the empty string. */
function contentContains(text: string): SQL {
  const stored = encodeText(text);
  const found = sql`coalesce(strpos(${CONTENT}, ${stored}::text) > 0, false)`;
  // Only a text that begins with a hex digit can match inside an escape.
  if (!/^[0-9a-f]/.test(stored)) return found;
  return sql`(${found} AND strpos(${CHARACTERS}, ${singleCharacterForm(text)}::text) > 0)`;
}
