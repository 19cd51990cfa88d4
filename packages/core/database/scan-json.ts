import { AppError } from "../error.ts";

/** Maximum digits of a number. Creating an integer of millions of digits takes seconds. */
export const MAX_NUMBER_DIGITS = 1_000;

/** Maximum nesting of arrays and objects in JSON from a caller. */
export const MAX_JSON_DEPTH = 100_000;

/** Nesting that a recursive parser or writer can handle without running out of stack. */
const MAX_RECURSION_DEPTH = 500;

export interface ScanOptions {
  /** Whether the text comes from the database. Then no limit is applied again. */
  readonly stored?: boolean;
  /** Position of an array or object; the scan ends with it. Default: the scan covers the text. */
  readonly start?: number;
  /** Characters after which the scan stops. Default: no limit. */
  readonly limit?: number;
}

export interface Scan {
  /** Position after the scanned value; undefined if it ends after the limit. */
  readonly end: number | undefined;
  /** Whether `JSON.parse` would change a value or fail. */
  readonly needsExactParser: boolean;
}

/**
 * Finds out whether `JSON.parse` would change a value or fail: integers that a double cannot represent, numbers beyond
 * the largest double, deep nesting. Throws `invalid_input` for a number of more than 1,000 digits and for nesting that is
 * too deep. Does not check that the text is valid JSON.
 */
export function scanJson(text: string, { stored = false, start, limit }: ScanOptions = {}): Scan {
  const stop = limit === undefined ? text.length : Math.min(text.length, (start ?? 0) + limit);
  let isUnsafe = false;
  let depth = 0;
  for (let at = start ?? 0; at < stop; at++) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) {
      const quote = closingQuote(text, at + 1, stop);
      if (quote < 0) return { end: limit === undefined ? text.length : undefined, needsExactParser: isUnsafe };
      at = quote;
    } else if (unit === 0x5b || unit === 0x7b) {
      depth++;
      if (depth > MAX_JSON_DEPTH && !stored) throw tooDeep();
      if (depth > MAX_RECURSION_DEPTH) isUnsafe = true;
    } else if (unit === 0x5d || unit === 0x7d) {
      depth--;
      if (depth === 0 && start !== undefined) return { end: at + 1, needsExactParser: isUnsafe };
    } else if (isDigit(unit)) {
      const { end, digits, isLarge } = numberEnd(text, at);
      if (digits > MAX_NUMBER_DIGITS && !stored) throw tooManyDigits(text.slice(at, at + 20), digits);
      isUnsafe ||= isLarge;
      at = end - 1;
    }
  }
  return { end: stop === text.length ? stop : undefined, needsExactParser: isUnsafe };
}

/** Whether `JSON.parse` would change a value of the text or fail. */
export function needsExactParser(text: string, { stored = false } = {}): boolean {
  return scanJson(text, { stored }).needsExactParser;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Position of the closing quote of the string that contains `from`, or -1 if there is none before `limit`. */
export function closingQuote(text: string, from: number, limit = text.length): number {
  for (let at = text.indexOf('"', from); at >= 0 && at < limit; at = text.indexOf('"', at + 1))
    if (backslashesBefore(text, at, from) % 2 === 0) return at;
  return -1;
}

/**
 * The last position up to `limit` at which the string that contains `from` can be split without splitting an escape.
 */
export function splitPosition(text: string, from: number, limit: number): number {
  for (let at = limit - 1; at >= from && at > limit - 6; at--) {
    if (text.charCodeAt(at) !== BACKSLASH) continue;
    if (backslashesBefore(text, at, from) % 2 === 1) return limit; // an escaped backslash
    const length = text[at + 1] === "u" ? 6 : 2;
    return at + length > limit ? at : limit;
  }
  return limit;
}

function backslashesBefore(text: string, at: number, from: number): number {
  let count = 0;
  while (at - 1 - count >= from && text.charCodeAt(at - 1 - count) === BACKSLASH) count++;
  return count;
}

interface NumberEnd {
  readonly end: number;
  readonly digits: number;
  /** Whether the number may not fit into a double. */
  readonly isLarge: boolean;
}

function numberEnd(text: string, start: number): NumberEnd {
  let end = start;
  let digits = 0;
  let integerDigits = -1;
  let hasExponent = false;
  for (; end < text.length; end++) {
    const unit = text.charCodeAt(end);
    if (isDigit(unit)) digits++;
    else if (unit === 0x2e && integerDigits < 0) integerDigits = digits;
    else if ((unit | 0x20) === 0x65) hasExponent = true;
    else if (unit !== 0x2b && unit !== 0x2d) break;
  }
  // A fraction, such as a vector's elements, is exact enough, unless hundreds of digits make it too large for a double.
  return { end, digits, isLarge: hasExponent || (integerDigits < 0 ? digits > 15 : digits > 300) };
}

/** Whether a UTF-16 code unit is an ASCII digit. */
export function isDigit(unit: number): boolean {
  return unit >= 0x30 && unit <= 0x39;
}

function tooManyDigits(beginning: string, digits: number): AppError {
  return new AppError(
    "invalid_input",
    `The JSON has a number of ${digits.toLocaleString("en")} digits (${beginning}…). A number has at most ${MAX_NUMBER_DIGITS.toLocaleString("en")} digits. Send it as a string.`,
  );
}

export function tooDeep(): AppError {
  return new AppError(
    "invalid_input",
    `The JSON is nested too deep: arrays and objects can have at most ${MAX_JSON_DEPTH.toLocaleString("en")} levels.`,
  );
}

/** Throws `invalid_input` if the text of a number has more than 1,000 digits. */
export function checkDigits(source: string): void {
  if (source.length <= MAX_NUMBER_DIGITS) return;
  const { digits } = numberEnd(source, source.startsWith("-") ? 1 : 0);
  if (digits > MAX_NUMBER_DIGITS) throw tooManyDigits(source.slice(0, 20), digits);
}
