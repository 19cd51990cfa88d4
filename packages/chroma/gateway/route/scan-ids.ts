/** Bytes of a body above which its ids are found by a scan. A vector of hundreds of numbers takes longest to parse. */
export const MIN_SCANNED_BYTES = 20_000;

const QUOTE = 0x22;
const COLON = 0x3a;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * The JSON text of the value of `ids` in a body that is a JSON object, found without parsing the other values. Undefined: the body
 * has to be parsed, because it has no such key or two of them, an escaped key, or a form that is not expected. What the text of
 * other values means is not checked: the server that receives the body does that.
 */
export function scanIds(body: Uint8Array): string | undefined {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  let at = skipSpace(bytes, 0);
  if (bytes[at] !== OPEN_OBJECT) return undefined;
  let found: string | undefined;
  do {
    at = skipSpace(bytes, at + 1);
    const keyEnd = bytes[at] === QUOTE ? stringEnd(bytes, at) : -1;
    if (keyEnd < 0) return undefined;
    const key = bytes.toString("utf8", at + 1, keyEnd - 1);
    at = skipSpace(bytes, keyEnd);
    if (key.includes("\\") || bytes[at] !== COLON) return undefined;
    const start = skipSpace(bytes, at + 1);
    const end = valueEnd(bytes, start);
    if (end < 0 || (key === "ids" && found !== undefined)) return undefined;
    if (key === "ids") found = bytes.toString("utf8", start, end);
    at = skipSpace(bytes, end);
  } while (bytes[at] === COMMA);
  return bytes[at] === CLOSE_OBJECT && skipSpace(bytes, at + 1) === bytes.length ? found : undefined;
}

/** Position after the value that starts at `start`, or -1. */
function valueEnd(bytes: Buffer, start: number): number {
  const first = bytes[start];
  if (first === QUOTE) return stringEnd(bytes, start);
  if (first !== OPEN_LIST && first !== OPEN_OBJECT) return scalarEnd(bytes, start);
  const next = createFinder(bytes, [QUOTE, OPEN_LIST, OPEN_OBJECT, CLOSE_LIST, CLOSE_OBJECT]);
  let depth = 0;
  for (let at = next(start); at < bytes.length; at = next(at + 1)) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      const end = stringEnd(bytes, at);
      if (end < 0) return -1;
      at = end - 1;
    } else if (byte === OPEN_LIST || byte === OPEN_OBJECT) depth++;
    else if (--depth === 0) return at + 1;
  }
  return -1;
}

/**
 * Returns a function that gives the first position of any of these bytes from a position on, or the length. A search for one byte
 * passes over the numbers of a vector many times faster than a loop.
 */
function createFinder(bytes: Buffer, wanted: readonly number[]): (from: number) => number {
  const positions = wanted.map(() => -1);
  return (from) => {
    let first = bytes.length;
    for (const [index, byte] of wanted.entries()) {
      if ((positions[index] as number) < from) {
        const found = bytes.indexOf(byte, from);
        positions[index] = found < 0 ? bytes.length : found;
      }
      first = Math.min(first, positions[index] as number);
    }
    return first;
  };
}

/** Position after the number or literal that starts at `start`. */
function scalarEnd(bytes: Buffer, start: number): number {
  let at = start;
  while (at < bytes.length && bytes[at] !== COMMA && bytes[at] !== CLOSE_OBJECT && !isSpace(bytes[at])) at++;
  return at === start ? -1 : at;
}

/** Position after the string whose opening quote is at `start`, or -1. */
function stringEnd(bytes: Buffer, start: number): number {
  for (let quote = bytes.indexOf(QUOTE, start + 1); quote >= 0; quote = bytes.indexOf(QUOTE, quote + 1)) {
    let backslashes = 0;
    while (bytes[quote - 1 - backslashes] === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return quote + 1;
  }
  return -1;
}

function skipSpace(bytes: Buffer, start: number): number {
  let at = start;
  while (isSpace(bytes[at])) at++;
  return at;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
