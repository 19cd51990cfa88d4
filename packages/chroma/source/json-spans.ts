/** The byte range of the value of each key of a JSON object. */
export type Spans = ReadonlyMap<string, readonly [start: number, end: number]>;

/** Returns the end of the value that begins at `start`, if the caller knows it; undefined if it has to be searched for. */
export type FindEnd = (key: string, start: number) => number | undefined;

const QUOTE = 0x22; // "
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN = 0x5b; // [; { is the same with the BRACE bit set
const CLOSE = 0x5d; // ]; } is the same with the BRACE bit set
const BRACE = 0x20;

/**
 * Finds the values of a JSON object's own keys without parsing them, so that each value can be parsed in its own way and
 * only the needed values become text. Throws SyntaxError if the object is incomplete or followed by other bytes.
 */
export function findSpans(bytes: Buffer, findEnd: FindEnd = () => undefined): Spans {
  const spans = new Map<string, readonly [number, number]>();
  let at = skipSpace(bytes, 0);
  if (bytes[at] !== (OPEN | BRACE)) throw new SyntaxError("A JSON object was expected.");
  at = skipSpace(bytes, at + 1);
  while (bytes[at] !== (CLOSE | BRACE)) {
    if (bytes[at] !== QUOTE) throw new SyntaxError("A key was expected.");
    const keyEnd = stringEnd(bytes, at);
    const key = JSON.parse(bytes.toString("utf8", at, keyEnd)) as string;
    const colon = skipSpace(bytes, keyEnd);
    if (bytes[colon] !== COLON) throw new SyntaxError("A colon was expected.");
    const start = skipSpace(bytes, colon + 1);
    const end = findEnd(key, start) ?? valueEnd(bytes, start);
    spans.set(key, [start, end]);
    at = skipSpace(bytes, end);
    if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1);
    else if (bytes[at] !== (CLOSE | BRACE)) throw new SyntaxError("The object is incomplete.");
  }
  if (skipSpace(bytes, at + 1) < bytes.length) throw new SyntaxError("Something follows the object.");
  return spans;
}

function valueEnd(bytes: Buffer, start: number): number {
  const first = bytes[start] as number;
  if (first === QUOTE) return stringEnd(bytes, start);
  if ((first | BRACE) !== (OPEN | BRACE)) return scalarEnd(bytes, start);
  let depth = 0;
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte === QUOTE) at = stringEnd(bytes, at) - 1;
    else if ((byte | BRACE) === (OPEN | BRACE)) depth++;
    else if ((byte | BRACE) === (CLOSE | BRACE) && --depth === 0) return at + 1;
  }
  throw new SyntaxError("A value is incomplete.");
}

function scalarEnd(bytes: Buffer, start: number): number {
  let at = start;
  while (at < bytes.length && !isSpace(bytes[at]) && bytes[at] !== COMMA && !isClose(bytes[at])) at++;
  return at;
}

/** The position after the closing quote of the string that begins at `start`. */
function stringEnd(bytes: Buffer, start: number): number {
  let end = start;
  do {
    end = bytes.indexOf(QUOTE, end + 1);
    if (end < 0) throw new SyntaxError("A string is incomplete.");
  } while (isEscaped(bytes, end));
  return end + 1;
}

function isEscaped(bytes: Buffer, at: number): boolean {
  let backslashes = 0;
  while (bytes[at - 1 - backslashes] === BACKSLASH) backslashes++;
  return backslashes % 2 === 1;
}

function skipSpace(bytes: Buffer, at: number): number {
  let position = at;
  while (isSpace(bytes[position])) position++;
  return position;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function isClose(byte: number | undefined): boolean {
  return byte === CLOSE || byte === (CLOSE | BRACE);
}
