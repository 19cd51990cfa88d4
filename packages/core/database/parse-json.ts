import {
  checkDigits,
  closingQuote,
  isDigit,
  MAX_JSON_DEPTH,
  MAX_NUMBER_DIGITS,
  scanJson,
  splitPosition,
  tooDeep,
} from "./scan-json.ts";

/** A value that `JSON.parse` returns, or a bigint or raw number. */
type Json = unknown;

/** Maximum characters of an array, an object or a part of a string that `JSON.parse` parses. It is ten times as fast. */
const MAX_NATIVE_CHARACTERS = 65_536;

/** Nesting up to which arrays and objects are tried with `JSON.parse`: each level scans the same characters again. */
const MAX_NATIVE_DEPTH = 16;

/** Nesting up to which lists of numbers are parsed without a scan. Each level can search the same characters for the end. */
const MAX_VECTOR_DEPTH = 3;

/** Characters of a list of numbers from which it is parsed on its own and not with the list that contains it. */
const MIN_VECTOR_CHARACTERS = 1_000;

/** Maximum values that one run parses, however short they are. */
const MAX_RUN_VALUES = 10_000;

type Container = { readonly list: Json[] } | { readonly object: Record<string, Json>; key: string };

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const LITERALS = { true: true, false: false, null: null } as const;

interface ParserOptions {
  readonly stored?: boolean;
  readonly part?: number;
  readonly exact?: { readonly keys: ReadonlySet<string>; readonly parse: (text: string) => Json };
}

/**
 * A lossless, incremental parser of one JSON text: an integer beyond ±2^53 becomes a bigint, and a number that a double
 * would round to infinity or zero becomes a raw number (`JSON.isRawJSON`), so that the caller can refuse it. It is not
 * recursive, so it handles any depth. `stored`: the text comes from the database, and no limits apply. `part`: maximum
 * characters that `JSON.parse` parses, at least 6. `exact`: keys of the outermost object whose values another function parses.
 */
export function createJsonParser(
  text: string,
  { stored = false, part = MAX_NATIVE_CHARACTERS, exact }: ParserOptions = {},
) {
  const stack: Container[] = [];
  let at = 0;
  let root: Json | undefined;
  /** The parts of a long string that is being parsed. */
  let parts: string[] | undefined;
  const fail = (): never => {
    throw new SyntaxError(`Unexpected ${at < text.length ? "token" : "end"} in JSON at position ${at}`);
  };
  const skipWhitespace = () => {
    while (isWhitespace(text.charCodeAt(at))) at++;
  };
  const parseString = (): string => {
    const quote = closingQuote(text, at + 1);
    if (quote < 0) fail();
    const slice = text.slice(at, quote + 1);
    at = quote + 1;
    return JSON.parse(slice) as string;
  };
  /** The next part of a string, or the string if it is short. Undefined: there are more parts. */
  const parseStringPart = (): string | undefined => {
    const from = parts ? at : at + 1;
    const limit = from + part;
    const quote = closingQuote(text, from, limit);
    if (quote < 0 && limit >= text.length) fail();
    const end = quote < 0 ? splitPosition(text, from, limit) : quote;
    const piece = JSON.parse(`"${text.slice(from, end)}"`) as string;
    at = quote < 0 ? end : end + 1;
    if (quote >= 0 && !parts) return piece;
    parts ??= [];
    parts.push(piece);
    if (quote < 0) return undefined;
    const value = parts.join("");
    parts = undefined;
    return value;
  };
  const parseKey = (object: Extract<Container, { object: unknown }>) => {
    skipWhitespace();
    if (text.charCodeAt(at) !== 0x22) fail();
    object.key = parseString();
    skipWhitespace();
    if (text[at++] !== ":") fail();
  };
  /** Whether the current value belongs to a key that is parsed exactly. */
  const isExact = (): boolean => {
    const [outermost] = stack;
    return exact !== undefined && outermost !== undefined && "object" in outermost && exact.keys.has(outermost.key);
  };
  const parseScalar = (): Json => {
    NUMBER.lastIndex = at;
    const [source] = NUMBER.exec(text) ?? [];
    if (source !== undefined) {
      at += source.length;
      if (!stored) checkDigits(source);
      return isExact() ? exact?.parse(source) : parseNumber(source);
    }
    for (const [word, value] of Object.entries(LITERALS))
      if (text.startsWith(word, at)) {
        at += word.length;
        return value;
      }
    return fail();
  };
  /** Adds a value to its container, and closes the containers that end after it. */
  const addValue = (value: Json): void => {
    for (let item = value; ; ) {
      const parent = stack.at(-1);
      if (!parent) {
        root = item;
        return;
      }
      if ("list" in parent) parent.list.push(item);
      else setKey(parent.object, parent.key, item);
      skipWhitespace();
      const next = text[at++];
      if (next === ",") {
        if (!("list" in parent)) parseKey(parent);
        return;
      }
      if (next !== ("list" in parent ? "]" : "}")) fail();
      stack.pop();
      item = "list" in parent ? parent.list : parent.object;
    }
  };
  /** Whether a list of numbers begins here, such as a vector. */
  const isAtVector = (position: number): boolean => {
    const unit = text.charCodeAt(position + 1);
    return text.charCodeAt(position) === 0x5b && (unit === 0x2d || isDigit(unit));
  };
  /** The list of numbers at this position, checked after `JSON.parse`: this takes half as long as a scan before it. */
  const parseVector = (): Json | undefined => {
    if (stack.length > MAX_VECTOR_DEPTH || !isAtVector(at) || isExact()) return undefined;
    const end = text.indexOf("]", at) + 1;
    if (end === 0 || end - at > part) return undefined;
    const vector = parseNumbers(text.slice(at, end));
    if (vector) at = end;
    return vector;
  };
  /** Whether this list begins with a long list of numbers. */
  const isAtVectors = (): boolean =>
    stack.length < MAX_VECTOR_DEPTH &&
    isAtVector(at + 1) &&
    !isExact() &&
    text.indexOf("]", at) - at >= MIN_VECTOR_CHARACTERS;
  /** The array or object at this position. Undefined if it is long or `JSON.parse` would change a value. */
  const parseNatively = (): Json | undefined => {
    if (stack.length >= MAX_NATIVE_DEPTH || (exact && stack.length === 0)) return undefined;
    const { end, needsExactParser } = scanJson(text, { stored, start: at, limit: part });
    if (end === undefined) return undefined;
    const isExactSlice = isExact();
    if (needsExactParser && !isExactSlice) return undefined;
    const slice = text.slice(at, end);
    at = end;
    return isExactSlice ? exact?.parse(slice) : JSON.parse(slice);
  };
  const step = (): void => {
    if (!parts) skipWhitespace();
    const first = text[at];
    if (parts || first === '"') {
      const value = parseStringPart();
      if (value !== undefined) addValue(value);
      return;
    }
    if (first !== "[" && first !== "{") {
      addValue(parseScalar());
      return;
    }
    const short = isAtVectors() ? undefined : (parseVector() ?? parseNatively());
    if (short !== undefined) {
      addValue(short);
      return;
    }
    if (stack.length >= MAX_JSON_DEPTH && !stored) throw tooDeep();
    at++;
    skipWhitespace();
    const container: Container = first === "[" ? { list: [] } : { object: {}, key: "" };
    if (text[at] === (first === "[" ? "]" : "}")) {
      at++;
      addValue("list" in container ? container.list : container.object);
      return;
    }
    stack.push(container);
    if ("object" in container) parseKey(container);
  };
  return {
    /** Parses about this many more characters. False when the text is parsed. Throws SyntaxError, and `invalid_input`. */
    run(characters: number): boolean {
      const until = at + characters;
      for (let count = 0; count < MAX_RUN_VALUES && at < until && root === undefined; count++) step();
      if (root === undefined) return true;
      skipWhitespace();
      if (at < text.length) fail();
      return false;
    },
    /** The parsed value, after `run` has returned false. */
    result: (): Json => root,
  };
}

/** The list of numbers. Undefined: it is something else, or `JSON.parse` may have changed a number. */
function parseNumbers(text: string): readonly number[] | undefined {
  const list = tryParse(text);
  if (!list || text.length > MAX_NUMBER_DIGITS + 40 * list.length) return undefined; // a number may have too many digits
  // A zero can have been a number that is too small for a double. A plain loop: a callback takes ten times as long.
  for (let index = 0; index < list.length; index++) {
    const item = list[index];
    if (typeof item !== "number" || item === 0 || !Number.isFinite(item)) return undefined;
    if (Number.isInteger(item) && !Number.isSafeInteger(item)) return undefined;
  }
  return list as readonly number[];
}

function tryParse(text: string): readonly Json[] | undefined {
  try {
    return JSON.parse(text) as readonly Json[];
  } catch {
    return undefined;
  }
}

function isWhitespace(unit: number): boolean {
  return unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09;
}

/** Sets an own property. Assigning `__proto__` would change the prototype instead. */
function setKey(object: Record<string, Json>, key: string, value: Json): void {
  if (key === "__proto__")
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  else object[key] = value;
}

function parseNumber(source: string): Json {
  const value = Number(source);
  if (Number.isSafeInteger(value) && (value !== 0 || !/[1-9]/.test(source.replace(/[eE].*/, "")))) return value;
  if (source.length <= MAX_NUMBER_DIGITS + 1 && /^-?\d+$/.test(source)) return BigInt(source);
  const isDouble = Number.isFinite(value) && value !== 0 && !/^-?\d+$/.test(source);
  return isDouble ? value : JSON.rawJSON(source);
}
