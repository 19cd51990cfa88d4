/** Where the value of each key of a JSON object begins and ends in its text. */
export type Spans = ReadonlyMap<string, readonly [start: number, end: number]>;

const STRUCTURE = /["[\]{}]/g;

/**
 * Finds the values of a JSON object's own keys without parsing them, so that each can be parsed in the way it needs.
 * Throws SyntaxError where the text breaks off or goes on behind the object.
 */
export function findSpans(text: string): Spans {
  const spans = new Map<string, readonly [number, number]>();
  let at = skipSpace(text, 0);
  if (text[at] !== "{") throw new SyntaxError("A JSON object was expected.");
  at = skipSpace(text, at + 1);
  while (text[at] !== "}") {
    if (text[at] !== '"') throw new SyntaxError("A key was expected.");
    const keyEnd = stringEnd(text, at);
    const key = JSON.parse(text.slice(at, keyEnd)) as string;
    const colon = skipSpace(text, keyEnd);
    if (text[colon] !== ":") throw new SyntaxError("A colon was expected.");
    const start = skipSpace(text, colon + 1);
    const end = valueEnd(text, start);
    spans.set(key, [start, end]);
    at = skipSpace(text, end);
    if (text[at] === ",") at = skipSpace(text, at + 1);
    else if (text[at] !== "}") throw new SyntaxError("The object breaks off.");
  }
  if (skipSpace(text, at + 1) < text.length) throw new SyntaxError("Something follows the object.");
  return spans;
}

function valueEnd(text: string, start: number): number {
  if (text[start] === '"') return stringEnd(text, start);
  if (text[start] !== "[" && text[start] !== "{") {
    const scalar = /[^,}\]\s]*/y;
    scalar.lastIndex = start;
    scalar.exec(text);
    return scalar.lastIndex;
  }
  let depth = 0;
  STRUCTURE.lastIndex = start;
  for (let match = STRUCTURE.exec(text); match; match = STRUCTURE.exec(text)) {
    const [mark] = match;
    if (mark === '"') STRUCTURE.lastIndex = stringEnd(text, match.index);
    else if (mark === "[" || mark === "{") depth++;
    else if (--depth === 0) return match.index + 1;
  }
  throw new SyntaxError("A value breaks off.");
}

/** The place behind the closing quote of the string that begins at `start`. */
function stringEnd(text: string, start: number): number {
  let end = start;
  do {
    end = text.indexOf('"', end + 1);
    if (end < 0) throw new SyntaxError("A string breaks off.");
  } while (isEscaped(text, end));
  return end + 1;
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text[at - 1 - backslashes] === "\\") backslashes++;
  return backslashes % 2 === 1;
}

function skipSpace(text: string, at: number): number {
  let place = at;
  while (text[place] === " " || text[place] === "\n" || text[place] === "\r" || text[place] === "\t") place++;
  return place;
}
