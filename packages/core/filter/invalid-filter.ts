import { AppError } from "../error.ts";

/** An `invalid_filter` error whose message begins with the path to the fault: `invalidFilter("where.a", "must be …")`. */
export function invalidFilter(path: string, reason: string): AppError {
  return new AppError("invalid_filter", `${path} ${reason}`, { path });
}

/** The path of a key: `where.price`, `where["a b"]`. */
export function childPath(path: string, key: string): string {
  return key.length <= 100 && /^[#$\p{L}_][\p{L}\p{N}_-]*$/u.test(key)
    ? `${path}.${key}`
    : `${path}[${describeValue(key)}]`;
}

/** A short description of a value for a message. A long text is truncated. */
export function describeValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === "bigint") return shorten(value.toString());
  if (JSON.isRawJSON(value)) return shorten(value.rawJSON); // a number that no double can represent
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : `a list of ${value.length}`;
  if (typeof value === "function" || typeof value === "symbol") return `a ${typeof value}`;
  if (typeof value !== "object" || value === null) return String(value);
  const keys = Object.keys(value);
  if (keys.length === 0) return "an empty object";
  return `an object with ${shorten(
    keys
      .slice(0, 4)
      .map((key) => JSON.stringify(key))
      .join(", "),
  )}`;
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
