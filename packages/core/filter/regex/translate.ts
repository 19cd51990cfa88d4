import { type Assertion, assertionExpression } from "./assertion.ts";
import { bracket } from "./bracket.ts";
import { readClass } from "./character-class.ts";
import { ALL_CHARACTERS, type CodePoints, complement } from "./code-points.ts";
import { accept, type Cursor, invalidRegex, next, openCursor, peek } from "./cursor.ts";
import { readEscape } from "./escape.ts";
import { type Flags, NO_FLAGS, readGroupHead } from "./group.ts";
import {
  alternatives,
  assertionPiece,
  characterPiece,
  group,
  isExponential,
  limitViolation,
  MAX_LENGTH,
  MAX_SIZE,
  type Piece,
  repeated,
  sequence,
  TOO_LARGE,
} from "./piece.ts";
import { readQuantifier } from "./quantifier.ts";
import { foldCase } from "./unicode.ts";

/** Maximum nesting of groups. */
const MAX_DEPTH = 50;

interface State {
  readonly cursor: Cursor;
  readonly names: Set<string>;
  flags: Flags;
  depth: number;
  /** Size of the atoms so far, without repetitions: a lower bound of the size of the translation. */
  readonly total: { atoms: number; length: number };
}

/**
 * Translates a pattern in the syntax of Rust's regex crate, which Chroma uses, to a Postgres pattern that matches the same
 * texts in every database: `\bcafé\b` or `(?i)straße` mean the same in every locale.
 *
 * Throws `invalid_filter` and names the construct if Rust does not support it (look-around, back-references), if it is not
 * translated (the flags x and R, bytes by (?-u)), or if Postgres could fail (more than 255 repetitions, too large).
 * Takes at most about 100 ms: length, atoms and ranges are counted as they are read, before they are expanded.
 */
export function translateRegex(pattern: string, path = "$regex"): string {
  const cursor = openCursor(pattern, path);
  if (!pattern.isWellFormed()) throw invalidRegex(cursor, 0, "contains half a surrogate pair");
  const total = { atoms: 0, length: 0 };
  const { sql } = readAlternatives({ cursor, names: new Set(), flags: NO_FLAGS, depth: 0, total });
  if (peek(cursor) === ")") throw invalidRegex(cursor, cursor.at, "closes a group that is not open");
  return sql;
}

function readAlternatives(state: State): Piece {
  const { cursor } = state;
  const start = cursor.at;
  const branches: Piece[] = [];
  do branches.push(readSequence(state));
  while (accept(cursor, "|"));
  return checkSize(alternatives(branches), { cursor, start });
}

function readSequence(state: State): Piece {
  const { cursor } = state;
  const pieces: Piece[] = [];
  while (!["", "|", ")"].includes(peek(cursor))) {
    const start = cursor.at;
    const piece = readAtom(state);
    if (piece) pieces.push(readQuantifiers(piece, { cursor, start }));
  }
  return sequence(pieces);
}

/** Counts a piece of a single atom against the pattern's limits, and returns it. */
function countAtom(piece: Piece, { cursor, total }: State, start: number): Piece {
  total.atoms += 1;
  total.length += piece.sql.length;
  if (total.atoms > MAX_SIZE || total.length > MAX_LENGTH) throw invalidRegex(cursor, start, TOO_LARGE);
  return piece;
}

function readQuantifiers(atom: Piece, { cursor, start }: { cursor: Cursor; start: number }): Piece {
  let piece = atom;
  for (let quantifier = readQuantifier(cursor); quantifier; quantifier = readQuantifier(cursor)) {
    if (isExponential(piece, quantifier))
      throw invalidRegex(
        cursor,
        start,
        "repeats an assertion such as ^ or \\b that needs no character between its repetitions",
      );
    piece = checkSize(repeated(piece, quantifier), { cursor, start });
  }
  return piece;
}

function checkSize(piece: Piece, { cursor, start }: { cursor: Cursor; start: number }): Piece {
  const reason = limitViolation(piece);
  if (reason) throw invalidRegex(cursor, start, reason);
  return piece;
}

/** One atom. Undefined for flags that apply from here on, `(?i)`, which cannot be repeated. */
function readAtom(state: State): Piece | undefined {
  const { cursor } = state;
  const start = cursor.at;
  return accept(cursor, "(") ? readGroup(state, start) : countAtom(readSingle(state), state, start);
}

/** An atom that is not a group: a character, a set of characters or an assertion. */
function readSingle({ cursor, flags }: State): Piece {
  const start = cursor.at;
  const character = next(cursor, "an expression");
  switch (character) {
    case "[":
      return oneOf(readClass(cursor, flags));
    case ".":
      return oneOf(flags.dotAll ? ALL_CHARACTERS : complement([[10, 10]]));
    case "^":
      return assertionOf(flags.multiLine ? "line_start" : "start");
    case "$":
      return assertionOf(flags.multiLine ? "line_end" : "end");
    case "*":
    case "+":
    case "?":
    case "{":
      throw invalidRegex(cursor, start, "has nothing to repeat");
    case "\\": {
      const escaped = readEscape(cursor, flags.ignoreCase);
      if (escaped.kind === "assertion") return assertionOf(escaped.assertion);
      return escaped.kind === "set" ? oneOf(escaped.set) : literal(escaped.point, flags);
    }
    default:
      return literal(character.codePointAt(0) as number, flags);
  }
}

function readGroup(state: State, start: number): Piece | undefined {
  const { cursor } = state;
  const outer = state.flags;
  const { flags, isGroup } = readGroupHead(cursor, state);
  state.flags = flags;
  if (!isGroup) return undefined;
  state.depth += 1;
  if (state.depth > MAX_DEPTH) throw invalidRegex(cursor, start, `nests groups more than ${MAX_DEPTH} deep`);
  const inner = readAlternatives(state);
  if (!accept(cursor, ")")) throw invalidRegex(cursor, start, "opens a group that is not closed");
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

function assertionOf(assertion: Assertion): Piece {
  return assertionPiece(assertionExpression(assertion));
}
