const OPEN = 0x5b; // [
const CLOSE = 0x5d; // ]
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const N = 0x6e; // the n of null

/** 10^0 to 10^22: each is a double exactly. */
const POWERS = Float64Array.from({ length: 23 }, (_, exponent) => 10 ** exponent);

/** More than the relative error of a number of up to `MAX_DIGITS` digits, computed as a double. */
const ERROR = 1e-14;
const MAX_DIGITS = 40;

/** Vectors that share a buffer: hundreds of small buffers make the garbage collector slow. */
const VECTORS_PER_BUFFER = 64;

export interface ParsedVectors {
  readonly vectors: readonly (Float32Array | null)[];
  /** Position after the list. */
  readonly end: number;
}

/**
 * Vectors from the bytes of a JSON list of lists of numbers, which are nearly all that Chroma sends. It takes half the time of
 * JSON.parse and leaves no garbage; with JSON.parse, a migration copies a quarter fewer documents a second. A null vector is
 * null. Undefined if the bytes have another format than a Chroma server writes (white space, a null element for NaN):
 * JSON.parse then decides.
 *
 * A number of up to 15 digits is an exact integer divided by an exact power of ten, rounded once: the double that JSON.parse
 * gives. Source: W. Clinger, "How to Read Floating Point Numbers Accurately", 1990, the fast path. With more digits the double
 * can differ, but not its single-precision value, if both ends of the error are rounded to the same one. The digits after the
 * point are read four at a time, as bytes of one integer. Source: D. Lemire, "Number Parsing at a Gigabyte per Second", 2021,
 * section 4.
 */
export function parseVectors(bytes: Uint8Array, start: number): ParsedVectors | undefined {
  const vectors: (Float32Array | null)[] = [];
  if (bytes[start] !== OPEN) return undefined;
  if (bytes[start + 1] === CLOSE) return { vectors, end: start + 2 };
  let at = start + 1;
  let dimensions = countElements(bytes, at);
  let buffer = new Float32Array(0);
  for (;;) {
    if (bytes[at] === N) {
      vectors.push(null);
      at += 4;
    } else {
      if (buffer.length < dimensions) buffer = new Float32Array(VECTORS_PER_BUFFER * dimensions);
      let vector = buffer.subarray(0, dimensions);
      let end = parseVector(bytes, at, vector);
      if (end === WRONG_LENGTH) {
        dimensions = countElements(bytes, at);
        vector = new Float32Array(dimensions);
        end = parseVector(bytes, at, vector);
      } else buffer = buffer.subarray(dimensions);
      if (end < 0) return undefined;
      vectors.push(vector);
      at = end;
    }
    if (bytes[at] === CLOSE) return { vectors, end: at + 1 };
    if (bytes[at] !== COMMA) return undefined;
    at++;
  }
}

const UNKNOWN_FORMAT = -1;
const WRONG_LENGTH = -2;

/** Fills `vector` and returns the position after its list. One loop on local variables: calls would take longer than the digits. */
function parseVector(bytes: Uint8Array, start: number, vector: Float32Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const last = bytes.length - 4;
  if (bytes[start] !== OPEN) return UNKNOWN_FORMAT;
  let at = start;
  for (let index = 0; index < vector.length; index++) {
    const first = ++at;
    const lead = bytes[at] as number;
    // The sign by arithmetic: a processor cannot predict a branch on it.
    const negative = (lead - ZERO) >>> 31;
    at += negative;
    let byte = bytes[at] as number;
    let mantissa = 0;
    let digit = byte - ZERO;
    while (digit >= 0 && digit <= 9) {
      mantissa = mantissa * 10 + digit;
      byte = bytes[++at] as number;
      digit = byte - ZERO;
    }
    let scale = 0;
    if (byte === POINT) {
      const point = at++;
      let count: number;
      do {
        if (at > last) return UNKNOWN_FORMAT;
        const four = view.getInt32(at, true);
        count = countDigits(four);
        mantissa = mantissa * (POWERS[count] as number) + readDigits(four, count);
        at += count;
      } while (count === 4);
      byte = bytes[at] as number;
      scale = at - point - 1;
    }
    const value = mantissa / (POWERS[scale] ?? Number.NaN);
    const isExact =
      mantissa <= Number.MAX_SAFE_INTEGER ||
      (at - first <= MAX_DIGITS && Math.fround(value * (1 - ERROR)) === Math.fround(value * (1 + ERROR)));
    // The last condition: only a minus can precede the digits.
    if (byte === COMMA && isExact && scale < POWERS.length && at - first > negative && negative * (lead - MINUS) === 0)
      vector[index] = (1 - 2 * negative) * value;
    else {
      // An exponent, many digits, or the end of the list.
      while (byte !== COMMA && byte !== CLOSE && at < bytes.length) byte = bytes[++at] as number;
      const text = String.fromCharCode(...bytes.subarray(first, at));
      if (!/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text)) return UNKNOWN_FORMAT;
      vector[index] = Number(text);
    }
    if (byte === CLOSE) return index === vector.length - 1 ? at + 1 : WRONG_LENGTH;
    if (byte !== COMMA) return UNKNOWN_FORMAT;
  }
  return bytes[start + 1] === CLOSE ? start + 2 : WRONG_LENGTH;
}

/** Bits that are set where one of four characters is not a digit. The first character is in the lowest byte. */
function nonDigits(four: number): number {
  return ((four & 0xf0f0f0f0) ^ 0x30303030) | (((four + 0x06060606) & 0xf0f0f0f0) ^ 0x30303030);
}

/** Number of digits before the first of four characters that is not one. */
function countDigits(four: number): number {
  const rest = nonDigits(four);
  return rest === 0 ? 4 : (31 - Math.clz32(rest & -rest)) >> 3;
}

/** The number of the first `count` of four characters: the digits are shifted to the end. */
function readDigits(four: number, count: number): number {
  return readFour(count === 4 ? four : ((four & 0x0f0f0f0f) << (8 * (3 - count))) << 8);
}

/** The number of four digits: in pairs, then together. */
function readFour(four: number): number {
  const digits = four & 0x0f0f0f0f;
  const pairs = (Math.imul(digits, 10) + (digits >>> 8)) & 0x00ff00ff;
  return (Math.imul(pairs, 100) + (pairs >>> 16)) & 0xffff;
}

/** Elements of the list that begins at `start`. */
function countElements(bytes: Uint8Array, start: number): number {
  if (bytes[start] !== OPEN || bytes[start + 1] === CLOSE) return 0;
  let count = 1;
  for (let at = start; at < bytes.length && bytes[at] !== CLOSE; at++) if (bytes[at] === COMMA) count++;
  return count;
}
