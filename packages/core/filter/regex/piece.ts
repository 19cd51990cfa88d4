import type { Repeat } from "./repeat.ts";

/** A translated piece of a pattern, with what it will cost Postgres to prepare. */
export interface Piece {
  readonly sql: string;
  /** Characters once all repeats are written out. */
  readonly size: number;
  /** Optional pieces, repeats written out. A place weighs two. */
  readonly optional: number;
  /** Whether it matches the empty text. */
  readonly nullable: boolean;
  readonly hasPlace: boolean;
  /** Whether a repeat may follow it; else it must be wrapped first. */
  readonly closed: boolean;
}

/** Characters of a pattern at most, repeats written out. */
export const MAX_SIZE = 1_000;
/** Preparing 250 takes Postgres 0.3 s; 900 take 17 s, or fail as "too complex". */
const MAX_OPTIONAL = 250;
const PLACE_WEIGHT = 2;
/** Characters of the translation, in which a `\w` takes 1,000 and a `\b` 4,000: prepared in 0.3 s. */
export const MAX_LENGTH = 500_000;

export function characterPiece(sql: string): Piece {
  return { sql, size: 1, optional: 0, nullable: false, hasPlace: false, closed: true };
}

/** Postgres lets no repeat follow a place, except in a group. */
export function placePiece(sql: string): Piece {
  return { sql, size: 1, optional: PLACE_WEIGHT, nullable: true, hasPlace: true, closed: false };
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
  return { ...piece, sql: `(?:${piece.sql})`, closed: true };
}

export function repeated(piece: Piece, { sql, least, most }: Repeat): Piece {
  const copies = Math.max(1, most ?? least);
  return {
    ...piece,
    sql: (piece.closed ? piece : group(piece)).sql + sql,
    size: Math.max(1, piece.size) * copies,
    optional: (piece.optional + (least === most ? 0 : 1)) * copies,
    nullable: piece.nullable || least === 0,
    closed: false,
  };
}

export const TOO_LARGE = `is too large: at most ${MAX_SIZE} characters and ${MAX_OPTIONAL} optional pieces, repeats written out, and fewer where classes are large`;

/** Why Postgres could fail at a piece, or take seconds over it; undefined where neither is to be feared. */
export function excess(piece: Piece): string | undefined {
  return piece.size <= MAX_SIZE && piece.optional <= MAX_OPTIONAL && piece.sql.length <= MAX_LENGTH
    ? undefined
    : TOO_LARGE;
}

/** Copies of a place with nothing certain between them make loops that Postgres unravels at exponential cost. */
export function unravels(piece: Piece, { least, most }: Repeat): boolean {
  return piece.hasPlace && piece.nullable && Math.max(least, most ?? 0) > 1;
}

function joined(pieces: readonly Piece[]) {
  const empty = pieces.filter(({ sql }) => sql === "").length;
  return {
    size: pieces.reduce((sum, piece) => sum + piece.size, 0),
    optional: pieces.reduce((sum, piece) => sum + piece.optional, empty),
    hasPlace: pieces.some(({ hasPlace }) => hasPlace),
    closed: false,
  };
}
