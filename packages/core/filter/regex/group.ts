import { accept, type Cursor, invalidRegex, next, peek, until } from "./cursor.ts";

/** Flags that change what a pattern matches: `i`, `m` and `s`. */
export interface Flags {
  readonly ignoreCase: boolean;
  readonly multiLine: boolean;
  readonly dotAll: boolean;
}

export const NO_FLAGS: Flags = { ignoreCase: false, multiLine: false, dotAll: false };

export interface GroupHead {
  readonly flags: Flags;
  /** False for `(?i)`, which sets flags for the rest of the enclosing group. */
  readonly isGroup: boolean;
}

const LOOK_AROUND = ["=", "!", "<=", "<!"];
const NAME = /^[_\p{Alphabetic}][_\p{Alphabetic}\p{N}.[\]]*$/u;

/** Reads what follows "(": nothing, `?:`, a name or flags. Throws `invalid_filter`. */
export function readGroupHead(cursor: Cursor, { flags, names }: { flags: Flags; names: Set<string> }): GroupHead {
  const start = cursor.at - 1;
  if (!accept(cursor, "?")) return { flags, isGroup: true };
  if (LOOK_AROUND.some((text) => accept(cursor, text)))
    throw invalidRegex(cursor, start, "uses look-around, which Rust's syntax does not support");
  if (!accept(cursor, "P<") && !accept(cursor, "<")) return readFlags(cursor, { start, flags });
  const name = until(cursor, ">");
  if (!NAME.test(name) || names.has(name))
    throw invalidRegex(cursor, start, "has a group name that is invalid or taken");
  names.add(name);
  return { flags, isGroup: true };
}

/** `(?i)`, `(?is-m:` or `(?:`. */
function readFlags(cursor: Cursor, { start, flags }: { start: number; flags: Flags }): GroupHead {
  let letters = "";
  while (![":", ")", ""].includes(peek(cursor))) letters += next(cursor, "a flag");
  const isGroup = next(cursor, `")"`) === ":";
  const [on = "", off = ""] = letters.split("-");
  const isValid = /^[imsxuUR]*(-[imsxuUR]+)?$/.test(letters) && new Set(letters).size === letters.length;
  if (!isValid || (letters === "" && !isGroup))
    throw invalidRegex(cursor, start, "has a group or flags that do not exist");
  if (/[xR]/.test(on) || off.includes("u"))
    throw invalidRegex(cursor, start, "sets a flag that is not supported; use i, m, s or U");
  const set = (letter: string, before: boolean) => on.includes(letter) || (before && !off.includes(letter));
  return {
    isGroup,
    flags: {
      ignoreCase: set("i", flags.ignoreCase),
      multiLine: set("m", flags.multiLine),
      dotAll: set("s", flags.dotAll),
    },
  };
}
