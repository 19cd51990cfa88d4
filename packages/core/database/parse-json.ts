import {
  checkDigits,
  closingQuote,
  cutString,
  MAX_JSON_DEPTH,
  MAX_NUMBER_DIGITS,
  scanJson,
  tooDeep,
} from "./scan-json.ts";

/** A value of JSON: what `JSON.parse` gives, or a bigint or raw number. */
type Json = unknown;

/** A parser of one text, which can stop in between. */
export interface JsonParser {
  /** Parses some more, about as many characters; whether there are still some. Throws SyntaxError, and `invalid_input`. */
  run(characters: number): boolean;
  /** What was parsed, once `run` has answered false. */
  result(): Json;
}

/** Characters of a list, an object or a part of a string that are left to `JSON.parse`, which is ten times as fast. */
const PART = 65_536;

/** Levels at which that is tried: each looks at the same characters again. */
const NATIVE_LEVELS = 16;

/** Values that are parsed in a run at most, however short they are. */
const RUN_VALUES = 10_000;

type Open = { readonly list: Json[] } | { readonly object: Record<string, Json>; key: string };

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const LITERALS = { true: true, false: false, null: null } as const;

/**
 * A parser that keeps what `JSON.parse` does not: an integer beyond ±2^53 is a bigint, and a number that a double can
 * only take for infinite or zero stays a raw number (`JSON.isRawJSON`), so that whoever takes it can refuse it. It does
 * not call itself, so no depth is too much for it. `stored`: no limit is applied to the length of
 * a number. `part`: characters that are left to `JSON.parse` at most, at least 6.
 */
export function createJsonParser(text: string, { stored = false, part = PART } = {}): JsonParser {
  const open: Open[] = [];
  let at = 0;
  let root: Json | undefined;
  /** The parts of a long string that is being parsed. */
  let parts: string[] | undefined;
  const fail = (): never => {
    throw new SyntaxError(`Unexpected ${at < text.length ? "token" : "end"} in JSON at position ${at}`);
  };
  const skip = () => {
    while (isBlank(text.charCodeAt(at))) at++;
  };
  const string = (): string => {
    const quote = closingQuote(text, at + 1);
    if (quote < 0) fail();
    const slice = text.slice(at, quote + 1);
    at = quote + 1;
    return JSON.parse(slice) as string;
  };
  /** The next part of a string; all of it where it is short. Undefined: there is more. */
  const stringPart = (): string | undefined => {
    const from = parts ? at : at + 1;
    const limit = from + part;
    const quote = closingQuote(text, from, limit);
    if (quote < 0 && limit >= text.length) fail();
    const end = quote < 0 ? cutString(text, from, limit) : quote;
    const piece = JSON.parse(`"${text.slice(from, end)}"`) as string;
    at = quote < 0 ? end : end + 1;
    if (quote >= 0 && !parts) return piece;
    parts ??= [];
    parts.push(piece);
    if (quote < 0) return undefined;
    const whole = parts.join("");
    parts = undefined;
    return whole;
  };
  const key = (object: Extract<Open, { object: unknown }>) => {
    skip();
    if (text.charCodeAt(at) !== 0x22) fail();
    object.key = string();
    skip();
    if (text[at++] !== ":") fail();
  };
  const scalar = (): Json => {
    NUMBER.lastIndex = at;
    const [source] = NUMBER.exec(text) ?? [];
    if (source !== undefined) {
      at += source.length;
      if (!stored) checkDigits(source);
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
  /** The list or object that begins here, where it is short and `JSON.parse` alters nothing of it. */
  const native = (): Json | undefined => {
    if (open.length >= NATIVE_LEVELS) return undefined;
    const { end, special } = scanJson(text, { stored, start: at, limit: part });
    if (end === undefined || special) return undefined;
    const slice = text.slice(at, end);
    at = end;
    return JSON.parse(slice);
  };
  const step = (): void => {
    if (!parts) skip();
    const begins = text[at];
    if (parts || begins === '"') {
      const value = stringPart();
      if (value !== undefined) place(value);
      return;
    }
    if (begins !== "[" && begins !== "{") {
      place(scalar());
      return;
    }
    const short = native();
    if (short !== undefined) {
      place(short);
      return;
    }
    if (open.length >= MAX_JSON_DEPTH && !stored) throw tooDeep();
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
    run(characters) {
      const until = at + characters;
      for (let count = 0; count < RUN_VALUES && at < until && root === undefined; count++) step();
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
