import type { Quantifier } from "./quantifier.ts";

/** A translated piece of a pattern, with measures of what it costs Postgres to compile. */
export interface Piece {
  readonly sql: string;
  /** Characters, with repetitions expanded. */
  readonly size: number;
  /** Optional pieces, with repetitions expanded. An assertion counts as two. */
  readonly optional: number;
  /** Whether it matches the empty text. */
  readonly nullable: boolean;
  readonly hasAssertion: boolean;
  /** Whether a quantifier can follow it. Otherwise it needs a group first. */
  readonly isQuantifiable: boolean;
}

/** Maximum characters of a pattern, with repetitions expanded. */
export const MAX_SIZE = 1_000;
/** Maximum optional pieces. Compiling 250 takes Postgres 0.3 s; 900 take 17 s, or fail as "too complex". */
const MAX_OPTIONAL = 250;
const ASSERTION_WEIGHT = 2;
/** Maximum characters of the translation, compiled in 0.3 s. A `\w` takes 1,000 and a `\b` 4,000. */
export const MAX_LENGTH = 500_000;

export function characterPiece(sql: string): Piece {
  return { sql, size: 1, optional: 0, nullable: false, hasAssertion: false, isQuantifiable: true };
}

/** In Postgres no quantifier can follow an assertion, unless it is in a group. */
export function assertionPiece(sql: string): Piece {
  return {
    sql,
    size: 1,
    optional: ASSERTION_WEIGHT,
    nullable: true,
    hasAssertion: true,
    isQuantifiable: false,
  };
}

export function sequence(pieces: readonly Piece[]): Piece {
  return {
    ...joined(pieces),
    sql: pieces.map(({ sql }) => sql).join(""),
    nullable: pieces.every(({ nullable }) => nullable),
  };
}

export function alternatives(branches: readonly Piece[]): Piece {
  return {
    ...joined(branches),
    sql: branches.map(({ sql }) => sql || "(?:)").join("|"),
    nullable: branches.some(({ nullable }) => nullable),
  };
}

export function group(piece: Piece): Piece {
  return { ...piece, sql: `(?:${piece.sql})`, isQuantifiable: true };
}

export function repeated(piece: Piece, { sql, min, max }: Quantifier): Piece {
  const copies = Math.max(1, max ?? min);
  return {
    ...piece,
    sql: (piece.isQuantifiable ? piece : group(piece)).sql + sql,
    size: Math.max(1, piece.size) * copies,
    optional: (piece.optional + (min === max ? 0 : 1)) * copies,
    nullable: piece.nullable || min === 0,
    isQuantifiable: false,
  };
}

export const TOO_LARGE = `is too large: at most ${MAX_SIZE} characters and ${MAX_OPTIONAL} optional parts with repetitions expanded, and fewer if classes are large`;

/** Why Postgres could fail to compile a piece, or need seconds. Undefined if the piece is within the limits. */
export function limitViolation(piece: Piece): string | undefined {
  return piece.size <= MAX_SIZE && piece.optional <= MAX_OPTIONAL && piece.sql.length <= MAX_LENGTH
    ? undefined
    : TOO_LARGE;
}

/** Whether a repetition takes Postgres exponential time: repeated assertions that need no character between them. */
export function isExponential(piece: Piece, { min, max }: Quantifier): boolean {
  return piece.hasAssertion && piece.nullable && Math.max(min, max ?? 0) > 1;
}

function joined(pieces: readonly Piece[]) {
  const empty = pieces.filter(({ sql }) => sql === "").length;
  return {
    size: pieces.reduce((sum, piece) => sum + piece.size, 0),
    optional: pieces.reduce((sum, piece) => sum + piece.optional, empty),
    hasAssertion: pieces.some(({ hasAssertion }) => hasAssertion),
    isQuantifiable: false,
  };
}
