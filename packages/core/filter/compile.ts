import { type SQL, sql } from "drizzle-orm";
import { encodeJson, stringifyJson } from "../database/json.ts";
import { encodeText } from "../database/text.ts";
import type { Filter, Order, Scalar } from "./filter.ts";
import { standIn } from "./regex/bracket.ts";
import { postgresRegex } from "./regex/translation.ts";

const ORDERS: Readonly<Record<Order, SQL>> = { gt: sql`>`, gte: sql`>=`, lt: sql`<`, lte: sql`<=` };

/** Bytes are compared as bytes, whatever the database's locale. */
const CONTENT = sql`content COLLATE "C"`;

/**
 * Content with each code unit that text.ts had to escape as one character, the one that `standIn` gives: a pattern's
 * `.` must not see five, nor may a search for "00" find the escape of a NUL.
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
 * True or false, never NULL, so NOT may stand before it; and no stored value makes it fail. Keys and values are parameters.
 */
export function compileFilter(filter: Filter): SQL {
  switch (filter.kind) {
    case "and":
      return sql`(${sql.join(filter.filters.map(compileFilter), sql` AND `)})`;
    case "or":
      return sql`(${sql.join(filter.filters.map(compileFilter), sql` OR `)})`;
    case "not":
      return not(compileFilter(filter.filter));
    case "equal": {
      const equal = holds(filter.key, filter.value);
      return filter.operator === "eq" ? equal : not(equal);
    }
    case "order":
      return compare(filter.key, filter.operator, filter.value);
    case "member": {
      const member = isMember(filter.key, filter.values);
      return filter.operator === "in" ? member : not(member);
    }
    case "list": {
      const contains = holds(filter.key, [filter.value]);
      return filter.operator === "contains" ? contains : not(contains);
    }
    case "exists": {
      const exists = sql`coalesce(jsonb_typeof(${field(filter.key)}) <> 'null', false)`;
      return filter.exists ? exists : not(exists);
    }
    case "content": {
      const contains = contentContains(filter.text);
      return filter.operator === "contains" ? contains : not(contains);
    }
    case "pattern": {
      const matches = sql`coalesce(${CHARACTERS} ~ ${postgresRegex(filter)}::text, false)`;
      return filter.operator === "regex" ? matches : not(matches);
    }
  }
}

function not(condition: SQL): SQL {
  return sql`NOT ${condition}`;
}

function field(key: string): SQL {
  return sql`metadata -> ${encodeText(key)}::text`;
}

/**
 * Containment of `{key: 1}` is equality of type and value, with 1 equal to 1.0 and a list never equal to a scalar;
 * that of `{key: [1]}` asks for a list with such an element. (On Chroma a list of floats does not contain the integer 1,
 * and an integer 1 equals 1.5 because the operand is cut to an integer: faults not repeated here.)
 */
function holds(key: string, value: Scalar | readonly Scalar[]): SQL {
  return sql`metadata @> ${encodeJson({ [key]: value })}::jsonb`;
}

/** jsonb sorts every type against every other, so no stored value can fail the comparison; only numbers may pass it. */
function compare(key: string, operator: Order, value: number | bigint): SQL {
  return sql`coalesce(jsonb_typeof(${field(key)}) = 'number' AND ${field(key)} ${ORDERS[operator]} ${String(value)}::jsonb, false)`;
}

/** An array that is constant to the planner: Postgres looks a row's value up in a hash table of it, however many there are. */
function isMember(key: string, values: readonly Scalar[]): SQL {
  const list = values.map((value) => stringifyJson(typeof value === "string" ? encodeText(value) : value));
  return sql`coalesce(${field(key)} = ANY(${sql.param(list)}::text[]::jsonb[]), false)`;
}

/** Case-sensitive, without wildcards. A null content contains nothing, not even the empty string. */
function contentContains(text: string): SQL {
  const stored = encodeText(text);
  const found = sql`coalesce(strpos(${CONTENT}, ${stored}::text) > 0, false)`;
  // Only what begins like the digits of an escape could be found inside one.
  if (!/^[0-9a-f]/.test(stored)) return found;
  return sql`(${found} AND strpos(${CHARACTERS}, ${standIn(text)}::text) > 0)`;
}
