import { AppError } from "../error.ts";

/** Digits of a number at most: to make an integer of millions of digits takes seconds. */
export const MAX_NUMBER_DIGITS = 1_000;

/** Lists and objects inside one another at most, in any JSON from outside. */
const MAX_JSON_DEPTH = 100_000;

/** Deeper than this, a parser or a writer that calls itself may run out of stack. */
const SHALLOW = 500;

/**
 * Whether JSON has what `JSON.parse` would alter or fail at: integers that a double does not hold, numbers beyond the
 * largest double, deep nesting. Throws `invalid_input` for a number of more than 1,000 digits and for nesting that is
 * too deep; not where it is `stored` already. What is not JSON at all is left to the parser.
 */
export function isSpecialJson(text: string, { stored = false } = {}): boolean {
  let special = false;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === 0x22) at = stringEnd(text, at) - 1;
    else if (unit === 0x5b || unit === 0x7b) {
      depth++;
      if (depth > MAX_JSON_DEPTH && !stored) throw tooDeep();
      if (depth > SHALLOW) special = true;
    } else if (unit === 0x5d || unit === 0x7d) depth--;
    else if (isDigit(unit)) {
      const { end, digits, large } = numberEnd(text, at);
      if (digits > MAX_NUMBER_DIGITS && !stored) throw tooLong(text.slice(at, at + 20), digits);
      special ||= large;
      at = end - 1;
    }
  }
  return special;
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

/** The place behind the closing quote of the string that begins at `start`, or the text's end. */
function stringEnd(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes++;
    if (backslashes % 2 === 0) return end + 1;
  }
  return text.length;
}

function tooLong(beginning: string, digits: number): AppError {
  return new AppError(
    "invalid_input",
    `The JSON has a number of ${digits.toLocaleString("en")} digits (${beginning}…): numbers have ${MAX_NUMBER_DIGITS.toLocaleString("en")} at most. Send it as a string.`,
  );
}

function tooDeep(): AppError {
  return new AppError(
    "invalid_input",
    `The JSON is nested too deep: lists and objects go at most ${MAX_JSON_DEPTH.toLocaleString("en")} deep.`,
  );
}

/** A value of JSON: what `JSON.parse` gives, or a bigint or raw number. */
type Json = unknown;

/** A parser of one text, which can stop in between. */
export interface JsonParser {
  /** Parses as many values more; whether there are still some. Throws SyntaxError. */
  run(values: number): boolean;
  /** What was parsed, once `run` has answered false. */
  result(): Json;
}

type Open = { readonly list: Json[] } | { readonly object: Record<string, Json>; key: string };

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const LITERALS = { true: true, false: false, null: null } as const;

/**
 * A parser that keeps what `JSON.parse` does not: an integer beyond ±2^53 is a bigint, and a number that a double can
 * only take for infinite or zero stays a raw number (`JSON.isRawJSON`), so that whoever takes it can refuse it. It does
 * not call itself, so no depth is too much for it.
 */
export function createJsonParser(text: string): JsonParser {
  const open: Open[] = [];
  let at = 0;
  let root: Json | undefined;
  const fail = (): never => {
    throw new SyntaxError(`Unexpected ${at < text.length ? "token" : "end"} in JSON at position ${at}`);
  };
  const skip = () => {
    while (isBlank(text.charCodeAt(at))) at++;
  };
  const string = (): string => {
    const end = stringEnd(text, at);
    const slice = text.slice(at, end);
    at = end;
    return JSON.parse(slice) as string;
  };
  const key = (object: Extract<Open, { object: unknown }>) => {
    skip();
    if (text.charCodeAt(at) !== 0x22) fail();
    object.key = string();
    skip();
    if (text[at++] !== ":") fail();
  };
  const scalar = (): Json => {
    if (text.charCodeAt(at) === 0x22) return string();
    NUMBER.lastIndex = at;
    const [source] = NUMBER.exec(text) ?? [];
    if (source !== undefined) {
      at += source.length;
      return exactNumberOf(source);
    }
    for (const [word, value] of Object.entries(LITERALS))
      if (text.startsWith(word, at)) {
        at += word.length;
        return value;
      }
    return fail();
  };
  /** Puts a value where it belongs, and closes what ends behind it. */
  const place = (value: Json): void => {
    for (let item = value; ; ) {
      const parent = open.at(-1);
      if (!parent) {
        root = item;
        return;
      }
      if ("list" in parent) parent.list.push(item);
      else setKey(parent.object, parent.key, item);
      skip();
      const next = text[at++];
      if (next === ",") {
        if (!("list" in parent)) key(parent);
        return;
      }
      if (next !== ("list" in parent ? "]" : "}")) fail();
      open.pop();
      item = "list" in parent ? parent.list : parent.object;
    }
  };
  const step = (): void => {
    skip();
    const begins = text[at];
    if (begins !== "[" && begins !== "{") {
      place(scalar());
      return;
    }
    at++;
    skip();
    const one: Open = begins === "[" ? { list: [] } : { object: {}, key: "" };
    if (text[at] === (begins === "[" ? "]" : "}")) {
      at++;
      place("list" in one ? one.list : one.object);
      return;
    }
    open.push(one);
    if ("object" in one) key(one);
  };
  return {
    run(values) {
      for (let count = 0; count < values && root === undefined; count++) step();
      if (root === undefined) return true;
      skip();
      if (at < text.length) fail();
      return false;
    },
    result: () => root,
  };
}

function isBlank(unit: number): boolean {
  return unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09;
}

/** An own property whatever its name: assigned, `__proto__` would be lost. */
function setKey(object: Record<string, Json>, key: string, value: Json): void {
  if (key === "__proto__")
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  else object[key] = value;
}

function exactNumberOf(source: string): Json {
  const value = Number(source);
  if (Number.isSafeInteger(value) && (value !== 0 || !/[1-9]/.test(source.replace(/[eE].*/, ""))))
    return value;
  if (source.length <= MAX_NUMBER_DIGITS + 1 && /^-?\d+$/.test(source)) return BigInt(source);
  const isHeld = Number.isFinite(value) && value !== 0 && !/^-?\d+$/.test(source);
  return isHeld ? value : JSON.rawJSON(source);
}
