/** A condition of the filter builder on one metadata key. */
export interface Condition {
  readonly key: string;
  readonly operator: Operator;
  /** As it was typed. Several values are separated by commas. */
  readonly value: string;
}

/** What the filter builder edits. */
export interface FilterDraft {
  readonly conditions: readonly Condition[];
  /** Whether one matching condition is enough. */
  readonly isAny: boolean;
}

export const NO_FILTER: FilterDraft = { conditions: [], isAny: false };

export type Operator = keyof typeof OPERATORS;

/** What each operator says, in the words of the builder. */
export const OPERATORS = {
  $eq: "is",
  $ne: "is not",
  $in: "is one of",
  $contains: "has the item",
  $gt: "is above",
  $gte: "is at least",
  $lt: "is below",
  $lte: "is at most",
  present: "exists",
  absent: "does not exist",
} as const;

export type MetadataType = "string" | "number" | "boolean" | "array" | "object" | "null";

export type Filter = Readonly<Record<string, unknown>>;

/** Operators that make sense for the types of a key. */
export function operatorsFor(types: readonly MetadataType[]): readonly Operator[] {
  const list: Operator[] = [];
  if (types.some((type) => type !== "array" && type !== "object")) list.push("$eq", "$ne", "$in");
  if (types.includes("number")) list.push("$gt", "$gte", "$lt", "$lte");
  if (types.includes("array")) list.push("$contains");
  return [...list, "present", "absent"];
}

/** Whether the operator compares with a value. */
export function takesValue(operator: Operator): boolean {
  return operator !== "present" && operator !== "absent";
}

/** The filter of complete conditions. Undefined: there is none. */
export function toFilter(
  { conditions, isAny }: FilterDraft,
  typesOf: (key: string) => readonly MetadataType[],
): Filter | undefined {
  const filters = conditions
    .filter(({ key, operator, value }) => key !== "" && (value.trim() !== "" || !takesValue(operator)))
    .map((condition) => toCondition(condition, typesOf(condition.key)));
  if (filters.length < 2) return filters[0];
  return { [isAny ? "$or" : "$and"]: filters };
}

function toCondition({ key, operator, value }: Condition, types: readonly MetadataType[]): Filter {
  if (operator === "present" || operator === "absent") return { [key]: { $exists: operator === "present" } };
  if (operator === "$in") {
    const values = value.split(",").map((part) => part.trim());
    return { [key]: { $in: values.filter(Boolean).map((part) => toValue(part, types)) } };
  }
  const isRange = operator.startsWith("$g") || operator.startsWith("$l");
  const typed = isRange ? toNumber(value.trim()) : toValue(value.trim(), types);
  return { [key]: operator === "$eq" ? typed : { [operator]: typed } };
}

/** The value in the type that the key has: `20` is a number only if the key has numbers. Quotes make it a text. */
function toValue(text: string, types: readonly MetadataType[]): string | number | bigint | boolean {
  const quoted = /^"(.*)"$/s.exec(text)?.[1];
  if (quoted !== undefined) return quoted;
  const mayBe = (type: MetadataType) => types.includes(type) || types.includes("array");
  if (mayBe("boolean") && /^(true|false)$/.test(text)) return text === "true";
  return mayBe("number") && text !== "" ? toNumber(text) : text;
}

/** A text that is no number stays a text: the service says what is wrong with it. */
function toNumber(text: string): string | number | bigint {
  const number = Number(text);
  if (!Number.isFinite(number)) return text;
  return /^-?\d+$/.test(text) && !Number.isSafeInteger(number) ? BigInt(text) : number;
}

/** The draft as text for the address of the page. Undefined: it has no condition. */
export function writeDraft({ conditions, isAny }: FilterDraft): string | undefined {
  if (conditions.length === 0) return undefined;
  return JSON.stringify([
    isAny ? "any" : "all",
    ...conditions.map(({ key, operator, value }) => [key, operator, value]),
  ]);
}

/** The draft in the address of the page. What is not one is ignored. */
export function readDraft(text: string | null): FilterDraft {
  if (!text) return NO_FILTER;
  try {
    const [which, ...rows] = JSON.parse(text) as [string, ...[string, string, string][]];
    const conditions = rows
      .filter((row) => Array.isArray(row) && Object.hasOwn(OPERATORS, row[1]))
      .map(([key, operator, value]) => ({ key: String(key), operator: operator as Operator, value: String(value) }));
    return { conditions, isAny: which === "any" };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return NO_FILTER;
    throw error;
  }
}
