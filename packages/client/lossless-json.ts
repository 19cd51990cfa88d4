// Lossless JSON: integers beyond 2^53 are bigints in runtimes that have JSON.rawJSON (Node 21, current browsers). In
// others they are parsed like any number.

const { rawJSON, isRawJSON } = JSON as unknown as {
  readonly rawJSON?: (text: string) => unknown;
  readonly isRawJSON?: (value: unknown) => boolean;
};

/** Parses JSON. An integer beyond 2^53 becomes a bigint. */
export function parseLossless(text: string): unknown {
  return /\d{16}/.test(text) ? JSON.parse(text, readInteger) : JSON.parse(text);
}

function readInteger(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const isLarge = typeof value === "number" && !Number.isSafeInteger(value);
  return isLarge && /^-?\d+$/.test(context?.source ?? "") ? BigInt(context?.source as string) : value;
}

/** The value with its bigints as raw JSON, which `JSON.stringify` accepts. */
export function toSerializable<T>(value: T): T {
  return rawJSON ? (mapBigints(value, (integer) => rawJSON(String(integer))) as T) : value;
}

/** The value with its bigints as strings of digits, for libraries that serialize JSON themselves. */
export function bigintsToStrings<T>(value: T): T {
  return mapBigints(value, String) as T;
}

/** Maps the bigints in a value. A part without bigints is not copied. */
function mapBigints(value: unknown, map: (integer: bigint) => unknown): unknown {
  if (typeof value === "bigint") return map(value);
  if (typeof value !== "object" || value === null || isRawJSON?.(value)) return value;
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = Array.isArray(value) || prototype === Object.prototype || prototype === null;
  if (!isPlain) return value;
  const entries = Object.entries(value);
  const mapped = entries.map(([key, item]) => [key, mapBigints(item, map)] as const);
  if (mapped.every(([, item], at) => item === entries[at]?.[1])) return value;
  return Array.isArray(value) ? mapped.map(([, item]) => item) : Object.fromEntries(mapped);
}
