const OPEN = 0x5b; // [
const CLOSE = 0x5d; // ]
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;

/** 10^0 to 10^22: each is a double exactly. */
const POWERS = Float64Array.from({ length: 23 }, (_, exponent) => 10 ** exponent);

/** More than the relative error of a number of up to `MAX_DIGITS` digits, computed as a double. */
const ERROR = 1e-14;
const MAX_DIGITS = 40;

/** Vectors that share a buffer: hundreds of small buffers make the garbage collector slow. */
const VECTORS_PER_BUFFER = 64;

/**
 * Vectors from the bytes of a JSON list of lists of numbers, without garbage: with JSON.parse, a migration copies a quarter
 * fewer documents a second. Undefined if the bytes have another format than a Chroma server writes, such as white space or a
 * null element: JSON.parse then decides.
 *
 * A number of up to 15 digits is an exact integer divided by an exact power of ten, rounded once: the double that JSON.parse
 * gives. Source: W. Clinger, "How to Read Floating Point Numbers Accurately", 1990, the fast path. With more digits the double
 * can differ, but not its single-precision value, if both ends of the error are rounded to the same one.
 */
export function parseVectors(
  bytes: Uint8Array,
  start: number,
  end: number,
): readonly Float32Array[] | undefined {
  const vectors: Float32Array[] = [];
  const dimensions = countElements(bytes, start + 1);
  let buffer = new Float32Array(0);
  let at = start + 1;
  while (at < end) {
    if (buffer.length < dimensions) buffer = new Float32Array(VECTORS_PER_BUFFER * dimensions);
    const vector = buffer.subarray(0, dimensions);
    buffer = buffer.subarray(dimensions);
    at = parseVector(bytes, at, vector);
    if (at < 0) return undefined;
    vectors.push(vector);
    if (bytes[at++] === CLOSE) return at === end ? vectors : undefined;
    if (bytes[at - 1] !== COMMA) return undefined;
  }
  return undefined;
}

/** Fills `vector` from the list at `start` and returns the position after it; -1 for another length or format. One loop without calls, which would take longer than the digits. */
function parseVector(bytes: Uint8Array, start: number, vector: Float32Array): number {
  if (bytes[start] !== OPEN) return -1;
  let at = start;
  for (let index = 0; index < vector.length; index++) {
    const first = ++at;
    if (bytes[at] === MINUS) at++;
    const digits = at;
    let mantissa = 0;
    let scale = 0;
    let digit = (bytes[at] as number) - ZERO;
    for (; digit >= 0 && digit <= 9; digit = (bytes[++at] as number) - ZERO) mantissa = mantissa * 10 + digit;
    if (at === digits) return -1;
    if (bytes[at] === POINT) {
      const point = at;
      digit = (bytes[++at] as number) - ZERO;
      for (; digit >= 0 && digit <= 9; digit = (bytes[++at] as number) - ZERO)
        mantissa = mantissa * 10 + digit;
      scale = at - point - 1;
      if (scale === 0) return -1;
    }
    let byte = bytes[at];
    const value = mantissa / (POWERS[scale] ?? Number.NaN);
    const isExact =
      mantissa <= Number.MAX_SAFE_INTEGER ||
      (at - digits <= MAX_DIGITS && Math.fround(value * (1 - ERROR)) === Math.fround(value * (1 + ERROR)));
    if ((byte === COMMA || byte === CLOSE) && isExact && scale < POWERS.length) {
      vector[index] = bytes[first] === MINUS ? -value : value;
    } else {
      while (byte !== COMMA && byte !== CLOSE && byte !== undefined) byte = bytes[++at];
      const value = Number(String.fromCharCode(...bytes.subarray(first, at)));
      if (Number.isNaN(value)) return -1;
      vector[index] = value;
    }
    if (byte !== (index === vector.length - 1 ? CLOSE : COMMA)) return -1;
  }
  return vector.length === 0 ? -1 : at + 1;
}

function countElements(bytes: Uint8Array, start: number): number {
  const end = bytes.indexOf(CLOSE, start);
  let count = 1;
  for (let at = start; at < end; at++) if (bytes[at] === COMMA) count++;
  return count;
}
