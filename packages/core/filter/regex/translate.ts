import { bracket } from "./bracket.ts";
import { readClass } from "./character-class.ts";
import { type CodePoints, complement, EVERY } from "./code-points.ts";
import { accept, type Cursor, next, openCursor, peek, refusal } from "./cursor.ts";
import { readEscape } from "./escape.ts";
import { type Flags, NO_FLAGS, readGroupHead } from "./group.ts";
import {
  alternatives,
  characterPiece,
  excess,
  group,
  MAX_LENGTH,
  MAX_SIZE,
  type Piece,
  placePiece,
  repeated,
  sequence,
  TOO_LARGE,
  unravels,
} from "./piece.ts";
import { type Place, placeExpression } from "./place.ts";
import { readRepeat } from "./repeat.ts";
import { foldCase } from "./unicode.ts";

/** Groups inside one another at most. */
const MAX_DEPTH = 50;

interface State {
  readonly cursor: Cursor;
  readonly names: Set<string>;
  flags: Flags;
  depth: number;
  /** Of the atoms so far, repeats apart: no repeat makes them fewer, so this much the whole has at least. */
  readonly total: { atoms: number; length: number };
}

/**
 * A pattern in the syntax of Rust's regex crate, which Chroma uses, as one of Postgres' that finds the same texts in
 * any database: `\bcafé\b` or `(?i)straße` mean the same under every locale.
 *
 * Throws `invalid_filter` naming the construct where Rust has none such (look-around, back-references), where it is
 * not translated (the flags x and R, bytes by (?-u)), or where Postgres could fail (repeats over 255, too large).
 * Takes some 100 ms at most: length, atoms and ranges are counted as they are read, before they are expanded.
 */
export function translateRegex(pattern: string, path = "$regex"): string {
  const cursor = openCursor(pattern, path);
  if (!pattern.isWellFormed()) throw refusal(cursor, 0, "holds half a surrogate pair");
  const total = { atoms: 0, length: 0 };
  const { sql } = readAlternatives({ cursor, names: new Set(), flags: NO_FLAGS, depth: 0, total });
  if (peek(cursor) === ")") throw refusal(cursor, cursor.at, "closes a group that is not open");
  return sql;
}

function readAlternatives(state: State): Piece {
  const { cursor } = state;
  const start = cursor.at;
  const branches: Piece[] = [];
  do branches.push(readSequence(state));
  while (accept(cursor, "|"));
  return affordable(alternatives(branches), { cursor, start });
}

function readSequence(state: State): Piece {
  const { cursor } = state;
  const pieces: Piece[] = [];
  while (!["", "|", ")"].includes(peek(cursor))) {
    const start = cursor.at;
    const piece = readAtom(state);
    if (piece) pieces.push(readRepeats(piece, { cursor, start }));
  }
  return sequence(pieces);
}

/** A piece of a single atom, counted against the pattern's limits. */
function counted(piece: Piece, { cursor, total }: State, start: number): Piece {
  total.atoms += 1;
  total.length += piece.sql.length;
  if (total.atoms > MAX_SIZE || total.length > MAX_LENGTH) throw refusal(cursor, start, TOO_LARGE);
  return piece;
}

function readRepeats(atom: Piece, { cursor, start }: { cursor: Cursor; start: number }): Piece {
  let piece = atom;
  for (let repeat = readRepeat(cursor); repeat; repeat = readRepeat(cursor)) {
    if (unravels(piece, repeat))
      throw refusal(cursor, start, "repeats a place such as ^ or \\b where nothing need stand between");
    piece = affordable(repeated(piece, repeat), { cursor, start });
  }
  return piece;
}

function affordable(piece: Piece, { cursor, start }: { cursor: Cursor; start: number }): Piece {
  const reason = excess(piece);
  if (reason) throw refusal(cursor, start, reason);
  return piece;
}

/** One atom; undefined for flags that hold from here on, `(?i)`, which cannot be repeated. */
function readAtom(state: State): Piece | undefined {
  const { cursor } = state;
  const start = cursor.at;
  return accept(cursor, "(") ? readGroup(state, start) : counted(readSingle(state), state, start);
}

/** An atom that is no group: a character, a set of them or a place. */
function readSingle({ cursor, flags }: State): Piece {
  const start = cursor.at;
  const character = next(cursor, "an expression");
  switch (character) {
    case "[":
      return oneOf(readClass(cursor, flags));
    case ".":
      return oneOf(flags.dotAll ? EVERY : complement([[10, 10]]));
    case "^":
      return at(flags.multiLine ? "line_start" : "start");
    case "$":
      return at(flags.multiLine ? "line_end" : "end");
    case "*":
    case "+":
    case "?":
    case "{":
      throw refusal(cursor, start, "repeats nothing");
    case "\\": {
      const escaped = readEscape(cursor, flags.ignoreCase);
      if (escaped.kind === "place") return at(escaped.place);
      return escaped.kind === "set" ? oneOf(escaped.set) : literal(escaped.point, flags);
    }
    default:
      return literal(character.codePointAt(0) as number, flags);
  }
}

function readGroup(state: State, start: number): Piece | undefined {
  const { cursor } = state;
  const outer = state.flags;
  const { flags, opens } = readGroupHead(cursor, state);
  state.flags = flags;
  if (!opens) return undefined;
  state.depth += 1;
  if (state.depth > MAX_DEPTH) throw refusal(cursor, start, `nests groups more than ${MAX_DEPTH} deep`);
  const inner = readAlternatives(state);
  if (!accept(cursor, ")")) throw refusal(cursor, start, "opens a group that is not closed");
  state.depth -= 1;
  state.flags = outer;
  return group(inner);
}

function literal(point: number, { ignoreCase }: Flags): Piece {
  return oneOf(ignoreCase ? foldCase([[point, point]]) : [[point, point]]);
}

function oneOf(set: CodePoints): Piece {
  return characterPiece(bracket(set));
}

function at(place: Place): Piece {
  return placePiece(placeExpression(place));
}
