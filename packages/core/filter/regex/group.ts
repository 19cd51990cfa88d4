import { accept, type Cursor, next, peek, refusal, until } from "./cursor.ts";

/** Flags that change what a pattern finds: `i`, `m` and `s`. */
export interface Flags {
  readonly ignoreCase: boolean;
  readonly multiLine: boolean;
  readonly dotAll: boolean;
}

export const NO_FLAGS: Flags = { ignoreCase: false, multiLine: false, dotAll: false };

export interface GroupHead {
  readonly flags: Flags;
  /** False for `(?i)`: no group, but flags for the rest of the one around. */
  readonly opens: boolean;
}

const LOOK_AROUND = ["=", "!", "<=", "<!"];
const NAME = /^[_\p{Alphabetic}][_\p{Alphabetic}\p{N}.[\]]*$/u;

/** Reads what stands behind "(": nothing, `?:`, a name or flags. Throws `invalid_filter`. */
export function readGroupHead(
  cursor: Cursor,
  { flags, names }: { flags: Flags; names: Set<string> },
): GroupHead {
  const start = cursor.at - 1;
  if (!accept(cursor, "?")) return { flags, opens: true };
  if (LOOK_AROUND.some((text) => accept(cursor, text)))
    throw refusal(cursor, start, "looks around, which Rust's syntax does not have");
  if (!accept(cursor, "P<") && !accept(cursor, "<")) return readFlags(cursor, { start, flags });
  const name = until(cursor, ">");
  if (!NAME.test(name) || names.has(name))
    throw refusal(cursor, start, "has a group name that is invalid or taken");
  names.add(name);
  return { flags, opens: true };
}

/** `(?i)`, `(?is-m:` or `(?:`. */
function readFlags(cursor: Cursor, { start, flags }: { start: number; flags: Flags }): GroupHead {
  let letters = "";
  while (![":", ")", ""].includes(peek(cursor))) letters += next(cursor, "a flag");
  const opens = next(cursor, `")"`) === ":";
  const [on = "", off = ""] = letters.split("-");
  const isValid = /^[imsxuUR]*(-[imsxuUR]+)?$/.test(letters) && new Set(letters).size === letters.length;
  if (!isValid || (letters === "" && !opens))
    throw refusal(cursor, start, "has a group or flags that do not exist");
  if (/[xR]/.test(on) || off.includes("u"))
    throw refusal(cursor, start, "sets a flag that is not supported; i, m, s and U are");
  const set = (letter: string, before: boolean) => on.includes(letter) || (before && !off.includes(letter));
  return {
    opens,
    flags: {
      ignoreCase: set("i", flags.ignoreCase),
      multiLine: set("m", flags.multiLine),
      dotAll: set("s", flags.dotAll),
    },
  };
}
