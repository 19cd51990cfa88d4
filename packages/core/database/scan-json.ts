import { AppError } from "../error.ts";

/** Digits of a number at most: to make an integer of millions of digits takes seconds. */
export const MAX_NUMBER_DIGITS = 1_000;

/** Lists and objects inside one another at most, in any JSON from outside. */
export const MAX_JSON_DEPTH = 100_000;

/** Deeper than this, a parser or a writer that calls itself may run out of stack. */
const SHALLOW = 500;

export interface ScanOptions {
  /** It comes from the database, where no limit is applied again. */
  readonly stored?: boolean;
  /** Where the scan begins, at a list or an object, which it ends with. Default: all of the text. */
  readonly start?: number;
  /** Characters after which the scan gives up. Default: none. */
  readonly limit?: number;
}

export interface Scan {
  /** The place behind what was scanned; undefined: it goes on behind the limit. */
  readonly end: number | undefined;
  /** Whether it has what `JSON.parse` would alter or fail at. */
  readonly special: boolean;
}

/**
 * Looks for what `JSON.parse` would alter or fail at: integers that a double does not hold, numbers beyond the largest
 * double, deep nesting. Throws `invalid_input` for a number of more than 1,000 digits and for nesting that is too deep.
 * What is not JSON at all is left to the parser.
 */
export function scanJson(text: string, { stored = false, start, limit }: ScanOptions = {}): Scan {
  const stop = limit === undefined ? text.length : Math.min(text.length, (start ?? 0) + limit);
  let special = false;
  let depth = 0;
  for (let at = start ?? 0; at < stop; at++) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) {
      const quote = closingQuote(text, at + 1, stop);
      if (quote < 0) return { end: limit === undefined ? text.length : undefined, special };
      at = quote;
    } else if (unit === 0x5b || unit === 0x7b) {
      depth++;
      if (depth > MAX_JSON_DEPTH && !stored) throw tooDeep();
      if (depth > SHALLOW) special = true;
    } else if (unit === 0x5d || unit === 0x7d) {
      depth--;
      if (depth === 0 && start !== undefined) return { end: at + 1, special };
    } else if (isDigit(unit)) {
      const { end, digits, large } = numberEnd(text, at);
      if (digits > MAX_NUMBER_DIGITS && !stored) throw tooLong(text.slice(at, at + 20), digits);
      special ||= large;
      at = end - 1;
    }
  }
  return { end: stop === text.length ? stop : undefined, special };
}

/** Whether `JSON.parse` would alter the text or fail at it. */
export function isSpecialJson(text: string, { stored = false } = {}): boolean {
  return scanJson(text, { stored }).special;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Where the string ends that is open at `from`: its quote, or -1 where there is none before `limit`. */
export function closingQuote(text: string, from: number, limit = text.length): number {
  for (let at = text.indexOf('"', from); at >= 0 && at < limit; at = text.indexOf('"', at + 1))
    if (backslashesBefore(text, at, from) % 2 === 0) return at;
  return -1;
}

/**
 * The last place up to `limit` at which a string that is open at `from` can be cut into two without cutting an escape.
 */
export function cutString(text: string, from: number, limit: number): number {
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
  readonly large: boolean;
}

function numberEnd(text: string, start: number): NumberEnd {
  let end = start;
  let digits = 0;
  let whole = -1;
  let exponent = false;
  for (; end < text.length; end++) {
    const unit = text.charCodeAt(end);
    if (isDigit(unit)) digits++;
    else if (unit === 0x2e && whole < 0) whole = digits;
    else if ((unit | 0x20) === 0x65) exponent = true;
    else if (unit !== 0x2b && unit !== 0x2d) break;
  }
  // Of a fraction, as vectors are full of, the digits do not count, unless it begins with hundreds of them.
  return { end, digits, large: exponent || (whole < 0 ? digits > 15 : digits > 300) };
}

function isDigit(unit: number): boolean {
  return unit >= 0x30 && unit <= 0x39;
}

function tooLong(beginning: string, digits: number): AppError {
  return new AppError(
    "invalid_input",
    `The JSON has a number of ${digits.toLocaleString("en")} digits (${beginning}…): numbers have ${MAX_NUMBER_DIGITS.toLocaleString("en")} at most. Send it as a string.`,
  );
}

export function tooDeep(): AppError {
  return new AppError(
    "invalid_input",
    `The JSON is nested too deep: lists and objects go at most ${MAX_JSON_DEPTH.toLocaleString("en")} deep.`,
  );
}

/** Throws `invalid_input` for a number, as it is written, of more than 1,000 digits. */
export function checkDigits(source: string): void {
  if (source.length <= MAX_NUMBER_DIGITS) return;
  const { digits } = numberEnd(source, source.startsWith("-") ? 1 : 0);
  if (digits > MAX_NUMBER_DIGITS) throw tooLong(source.slice(0, 20), digits);
}
