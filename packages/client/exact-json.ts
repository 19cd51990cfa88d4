// JSON whose integers beyond 2^53 stay as they are, in runtimes that have JSON.rawJSON (Node 21, current browsers): a
// bigint is such an integer. Elsewhere they are read as other numbers are.

const { rawJSON, isRawJSON } = JSON as unknown as {
  readonly rawJSON?: (text: string) => unknown;
  readonly isRawJSON?: (value: unknown) => boolean;
};

/** Parses JSON; an integer beyond 2^53 is a bigint. */
export function parseExact(text: string): unknown {
  return /\d{16}/.test(text) ? JSON.parse(text, readInteger) : JSON.parse(text);
}

function readInteger(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const large = typeof value === "number" && !Number.isSafeInteger(value);
  return large && /^-?\d+$/.test(context?.source ?? "") ? BigInt(context?.source as string) : value;
}

/** The value with its bigints as `JSON.stringify` can write them. */
export function toWritable<T>(value: T): T {
  return rawJSON ? (mapBigints(value, (integer) => rawJSON(String(integer))) as T) : value;
}

/** The value with its bigints as strings of digits, for libraries that write JSON themselves. */
export function bigintsToText<T>(value: T): T {
  return mapBigints(value, String) as T;
}

/** What has no bigint in it is left as it is, not copied. */
function mapBigints(value: unknown, change: (integer: bigint) => unknown): unknown {
  if (typeof value === "bigint") return change(value);
  if (typeof value !== "object" || value === null || isRawJSON?.(value)) return value;
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = Array.isArray(value) || prototype === Object.prototype || prototype === null;
  if (!isPlain) return value;
  const entries = Object.entries(value);
  const mapped = entries.map(([key, item]) => [key, mapBigints(item, change)] as const);
  if (mapped.every(([, item], at) => item === entries[at]?.[1])) return value;
  return Array.isArray(value) ? mapped.map(([, item]) => item) : Object.fromEntries(mapped);
}
