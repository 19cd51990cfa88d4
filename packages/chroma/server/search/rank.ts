import { undeserializable, unimplemented } from "../error.ts";
import { isObject, wrongType } from "../request/fields.ts";

/** A rank expression: lower scores come first. */
export type Rank =
  | { readonly kind: "value"; readonly value: number }
  | { readonly kind: "knn"; readonly knn: Knn }
  | { readonly kind: Combination; readonly operands: readonly Rank[] }
  | { readonly kind: Pair; readonly left: Rank; readonly right: Rank }
  | { readonly kind: Function; readonly operand: Rank };

/** A search whose distances, or ranks from 0, are the scores of its records. */
export interface Knn {
  readonly vector: Float32Array;
  /** Records that it finds. */
  readonly limit: number;
  /** The score of a record that it does not find. Undefined: such a record is not a result. */
  readonly default: number | undefined;
  readonly returnRank: boolean;
}

type Combination = "sum" | "mul" | "max" | "min";
type Pair = "sub" | "div";
type Function = "abs" | "exp" | "log";

const COMBINATIONS: readonly string[] = ["sum", "mul", "max", "min"] satisfies Combination[];
const PAIRS: readonly string[] = ["sub", "div"] satisfies Pair[];
const FUNCTIONS: readonly string[] = ["abs", "exp", "log"] satisfies Function[];

const MAX_DEPTH = 32;
const MAX_OPERANDS = 100;
const MAX_KNN_LIMIT = 10_000;
const DEFAULT_KNN_LIMIT = 16;

/** Parses `{"$knn": {"query": [1, 0]}}`, `{"$sum": [...]}` and so on. */
export function parseRank(value: unknown, path: string, depth = 0): Rank {
  if (!isObject(value)) throw wrongType(path, value, "a map");
  const [entry, ...others] = Object.entries(value);
  if (!entry || others.length > 0 || depth > MAX_DEPTH)
    throw undeserializable(path, `a rank has one operator, and at most ${MAX_DEPTH} levels`);
  const [operator, operand] = entry;
  const inner = `${path}.${operator}`;
  const name = operator.slice(1);
  const nested = (item: unknown, at: string) => parseRank(item, at, depth + 1);
  if (operator === "$val") return { kind: "value", value: finite(operand, inner) };
  if (operator === "$knn") return { kind: "knn", knn: parseKnn(operand, inner) };
  if (COMBINATIONS.includes(name)) {
    if (!Array.isArray(operand) || operand.length === 0 || operand.length > MAX_OPERANDS)
      throw undeserializable(inner, `must be a list of 1 to ${MAX_OPERANDS} ranks`);
    const operands = operand.map((item, index) => nested(item, `${inner}[${index}]`));
    return { kind: name as Combination, operands };
  }
  if (PAIRS.includes(name)) {
    if (!isObject(operand)) throw wrongType(inner, operand, "a map");
    const { left, right } = operand;
    return { kind: name as Pair, left: nested(left, `${inner}.left`), right: nested(right, `${inner}.right`) };
  }
  if (FUNCTIONS.includes(name)) return { kind: name as Function, operand: nested(operand, inner) };
  throw undeserializable(path, `unknown operator \`${operator}\` of a rank`);
}

function parseKnn(value: unknown, path: string): Knn {
  if (!isObject(value)) throw wrongType(path, value, "a map");
  const {
    query,
    key = "#embedding",
    limit = DEFAULT_KNN_LIMIT,
    default: fallback,
    return_rank: returnRank = false,
  } = value;
  if (key !== "#embedding")
    throw unimplemented(`A search by the key ${JSON.stringify(key)} is not supported: only #embedding is`);
  if (!Array.isArray(query) || query.length === 0)
    throw undeserializable(`${path}.query`, "must be a list of numbers: embed texts before the search");
  if (typeof limit !== "number" || !Number.isInteger(limit) || limit < 1 || limit > MAX_KNN_LIMIT)
    throw undeserializable(`${path}.limit`, `must be a whole number from 1 to ${MAX_KNN_LIMIT}`);
  return {
    vector: Float32Array.from(query, (number, index) => finite(number, `${path}.query[${index}]`)),
    limit,
    default: fallback == null ? undefined : finite(fallback, `${path}.default`),
    returnRank: returnRank === true,
  };
}

function finite(value: unknown, path: string): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw wrongType(path, value, "f32");
}

/** The searches of a rank. */
export function knnsOf(rank: Rank): readonly Knn[] {
  switch (rank.kind) {
    case "value":
      return [];
    case "knn":
      return [rank.knn];
    case "sub":
    case "div":
      return [...knnsOf(rank.left), ...knnsOf(rank.right)];
    case "abs":
    case "exp":
    case "log":
      return knnsOf(rank.operand);
    default:
      return rank.operands.flatMap(knnsOf);
  }
}

/** The score of a record. `scoreOf`: its score in a search. Undefined: it is not a result. */
export function scoreRank(rank: Rank, scoreOf: (knn: Knn) => number | undefined): number | undefined {
  switch (rank.kind) {
    case "value":
      return rank.value;
    case "knn":
      return scoreOf(rank.knn) ?? rank.knn.default;
    case "sub":
    case "div": {
      const left = scoreRank(rank.left, scoreOf);
      const right = scoreRank(rank.right, scoreOf);
      if (left === undefined || right === undefined) return undefined;
      return rank.kind === "sub" ? left - right : left / right;
    }
    case "abs":
    case "exp":
    case "log": {
      const operand = scoreRank(rank.operand, scoreOf);
      return operand === undefined ? undefined : Math[rank.kind](operand);
    }
    default:
      return combine(
        rank.kind,
        rank.operands.map((operand) => scoreRank(operand, scoreOf)),
      );
  }
}

function combine(kind: Combination, scores: readonly (number | undefined)[]): number | undefined {
  if (scores.includes(undefined)) return undefined;
  const known = scores as readonly number[];
  switch (kind) {
    case "sum":
      return known.reduce((sum, score) => sum + score, 0);
    case "mul":
      return known.reduce((product, score) => product * score, 1);
    case "max":
      return Math.max(...known);
    case "min":
      return Math.min(...known);
  }
}
